"""A table with 1 % broken rows of ten kinds: each is reported with its row and reason, all others are used."""

import random
from pathlib import Path

import pytest

from ml.data.connectors import Source, open_source
from ml.data.ingest import Ingested, ingest
from ml.data.report import Policy
from ml.data.shape import read_shape
from ml.data.snapshot import blob_of
from ml.knowledge.model import Term

N_ROWS = 10_000
FINDINGS = ["fever", "cough", "rash", "vomiting"]
SHAPE = """
source: clinic
id: id
diagnosis: verdict
age: {field: age, unit: years}
sex: {field: sex, values: {m: male, f: female}}
findings:
  - {columns: [fever, cough, rash, vomiting], states: {"1": present, "0": absent}}
  - {field: others, separator: ";", state: present}
  - {field: denied, separator: ";", state: absent}
cleaning:
  missing: ["NA", "?"]
  spelling: {sex: {Female: f}}
  decimal_comma: true
"""
TERMS = [
    Term("HP:0001945", "Fever"),
    Term("HP:0000001", "All"),
    Term("HP:0009999", "obsolete Hot", obsolete=True, replaced_by="HP:0001945"),
]

# kind -> (what is done to a good row, words of the reason, section of the report)
BROKEN = {
    "a field is missing": (lambda row: row.rpartition(",")[0], "9 fields; 10 were expected", "rejected"),
    "a comma too many": (lambda row: row + ",surplus", "11 fields; 10 were expected", "rejected"),
    "a quote never closes": (lambda row: '"' + row, "a quote that does not close", "rejected"),
    "bytes of another encoding": (lambda row: row.replace("measles", "masl\udce9"), "byte 0xE9", "rejected"),
    "no id": (lambda row: "," + row.partition(",")[2], "id: ''; a text", "rejected"),
    "the same id twice": (lambda row: "c0," + row.partition(",")[2], "the same patient twice", "rejected"),
    "a state that is none": (lambda row: cell(row, 4, "7"), "state '7'", "rejected"),
    "no diagnosis": (lambda row: cell(row, 3, ""), "no diagnosis", "rejected"),
    "an impossible age": (lambda row: cell(row, 1, "430"), "over 130 years", "left_out"),
    "present and absent": (lambda row: row[:-1] + "cough", "is present and absent", "suspicious"),
}


def cell(row: str, place: int, text: str) -> str:
    cells = row.split(",")
    return ",".join([*cells[:place], text, *cells[place + 1 :]])


def good(number: int, dice: random.Random) -> str:
    marks = [dice.choice(("1", "0")) for _ in FINDINGS]
    marks[1] = "1"
    return ",".join(
        [
            f"c{number}",
            str(dice.randint(0, 90)),
            dice.choice("mf"),
            "measles",
            *marks,
            "HP:0001945;fatigue",
            "x",
        ]
    )


def read(folder: Path, rows: list[str], policy: Policy | None = None, last: object = None) -> Ingested:
    folder.mkdir(exist_ok=True)
    header = ",".join(["id", "age", "sex", "verdict", *FINDINGS, "others", "denied"])
    content = "\n".join([header, *rows]) + "\n"
    (folder / "visits.csv").write_bytes(content.encode("utf-8", errors="surrogateescape"))
    shape = folder.parent / "clinic.yaml"
    shape.write_text(SHAPE)
    return ingest(
        open_source(Source("files", str(folder))),
        read_shape(shape),
        snapshot=str(folder.parent / "raw"),
        terms=TERMS,
        last=last,  # type: ignore[arg-type]
        policy=policy,
    )


def test_ten_kinds_of_broken_rows_are_each_reported_and_all_others_are_used(tmp_path: Path) -> None:
    dice = random.Random(5)
    rows = [good(number, dice) for number in range(N_ROWS)]
    kinds = list(BROKEN)
    places = dict(zip(dice.sample(range(1, N_ROWS), N_ROWS // 100), kinds * 10, strict=True))
    for place, kind in places.items():
        rows[place] = BROKEN[kind][0](rows[place])
    ingested = read(tmp_path / "in", rows)
    report = ingested.report
    for place, kind in places.items():
        _change, words, section = BROKEN[kind]
        entries = [
            entry
            for entry in getattr(report, section)
            if (entry.file, entry.row) == ("visits.csv", place + 2)
        ]
        assert any(words in entry.why for entry in entries), (kind, place + 2, entries)
    rejected = {place for place, kind in places.items() if BROKEN[kind][2] == "rejected"}
    assert {entry.row - 2 for entry in report.rejected} == rejected
    assert [case.id for case in ingested.cases] == [f"c{n}" for n in range(N_ROWS) if n not in rejected]
    assert report.is_accepted
    named = report.as_markdown()
    assert all(f"| visits.csv | {place + 2} |" in named for place in places)
    assert (
        blob_of(str(tmp_path / "raw"), report.files["visits.csv"])
        == (tmp_path / "in/visits.csv").read_bytes()
    )
    print(f"{N_ROWS:,} rows, {len(places)} broken in {len(kinds)} ways: {len(places)} reported, "
          f"{len(ingested.cases):,} of {N_ROWS - len(rejected):,} usable ones used")  # fmt: skip


def test_declared_rules_repair_and_each_repair_is_reported(tmp_path: Path) -> None:
    ages = ["NA", '"3,5"', "7"]
    rows = [f"c{i},{age},Female,measles,1,1,0,0,HP:0009999,x" for i, age in enumerate(ages)]
    ingested = read(tmp_path / "in", rows)
    assert [(e.row, e.field, e.before, e.after) for e in ingested.report.repaired] == [
        (2, "age", "NA", None),
        (2, "sex", "Female", "f"),
        (3, "age", "3,5", "3.5"),
        (3, "sex", "Female", "f"),
        (4, "sex", "Female", "f"),
        *((row, "finding", "HP:0009999", "HP:0001945") for row in (2, 3, 4)),
    ]
    assert [(case.age, case.sex) for case in ingested.cases] == [
        (None, "female"), ("P3.5Y", "female"), ("P7Y", "female"),
    ]  # fmt: skip
    assert all("HP:0001945" in case.present for case in ingested.cases)


def test_over_the_error_budget_all_of_it_is_quarantined_and_a_shift_is_suspicious(tmp_path: Path) -> None:
    dice = random.Random(6)
    rows = [good(number, dice) for number in range(400)]
    before = read(tmp_path / "in", rows).report
    assert before.is_accepted
    assert not any("last version" in entry.why for entry in before.suspicious)
    shifted = read(tmp_path / "in", [cell(row, 2, "f") for row in rows], last=before.statistics).report
    assert any(entry.why.startswith("female: 100% of the cases") for entry in shifted.suspicious)
    same = read(tmp_path / "in", [good(n, dice) for n in range(400)], last=before.statistics).report
    assert not any("last version" in entry.why for entry in same.suspicious)
    worse = [row if n % 10 else row + ",surplus" for n, row in enumerate(rows)]
    report = read(tmp_path / "in", worse).report
    assert report.quarantine == ("40 of 400 rows rejected; the budget is 5.0%",)
    assert read(tmp_path / "in", worse, Policy(error_budget=0.2)).report.is_accepted


@pytest.mark.parametrize(
    "name", ["visits.csv.zip", "visits.xlsx", "visits.parquet", "visits.jsonl.gz", "notes.doc"]
)
def test_a_corrupt_file_is_named_and_the_others_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"\x1f\x8b not what its name says")
    report = read(tmp_path / "in", [good(n, random.Random(n)) for n in range(20)]).report
    assert report.n_used == 20
    assert [entry.file for entry in report.rejected] == [name]
    assert not report.is_accepted  # one of two files
