"""Reading phenopackets: every shape of file, and nothing lost when a record is broken."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.serving.phenopacket import CaseFileError, LineError, PacketCase, PacketError, parse_packet, read_cases
from tests.ml.packets import packet

GOOD = packet(
    "one", "OMIM:154700", ["HP:0001166"], ["HP:0001250"], "PMID:20591885",
    sex="FEMALE", timeAtLastEncounter={"age": {"iso8601duration": "P20Y"}},
)  # fmt: skip


def test_a_packet_becomes_a_case() -> None:
    assert parse_packet(GOOD) == PacketCase(
        id="one",
        present=("HP:0001166",),
        absent=("HP:0001250",),
        age="P20Y",
        sex="female",
        diseases=("OMIM:154700",),
        publications=("PMID:20591885",),
    )


def test_diagnoses_come_from_interpretations_then_diseases() -> None:
    both = GOOD | {
        "diseases": [
            {"term": {"id": "OMIM:2"}},
            {"term": {"id": "OMIM:3"}, "excluded": True},
            {"term": {"id": "OMIM:154700"}},
        ]
    }
    assert parse_packet(both).diseases == ("OMIM:154700", "OMIM:2")


def test_what_is_not_given_is_not_invented() -> None:
    case = parse_packet({"id": "x"})
    assert (case.present, case.absent, case.age, case.sex, case.diseases, case.publications) == (
        (),
        (),
        None,
        None,
        (),
        (),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "^id: None"),
        ({"phenotypicFeatures": {}}, "phenotypicFeatures: {}; a list was expected"),
        ({"phenotypicFeatures": [{}]}, r"phenotypicFeatures\[0\]\.type: missing"),
        (
            {"phenotypicFeatures": [{"type": {"id": 7}}]},
            r"phenotypicFeatures\[0\]\.type\.id: 7; an id such as",
        ),
        (
            {"phenotypicFeatures": [{"type": {"id": "HP:0001166"}, "excluded": "yes"}]},
            r"\.excluded: 'yes'; true or false",
        ),
        ({"subject": []}, None),
        ({"subject": "x"}, "subject: 'x'; an object was expected"),
        ({"subject": {"sex": "F"}}, "subject.sex: 'F'; one of FEMALE"),
        ({"interpretations": [{"diagnosis": {"disease": {"id": "Marfan"}}}]}, r"disease\.id: 'Marfan'"),
        ({"metaData": {"externalReferences": "x"}}, "externalReferences: 'x'; a list"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str | None) -> None:
    if message is None:
        parse_packet(GOOD | change)
    else:
        with pytest.raises(PacketError, match=message):
            parse_packet(GOOD | change)


def lines(*packets: Any) -> bytes:
    return "".join((p if isinstance(p, str) else json.dumps(p)) + "\n" for p in packets).encode()


BROKEN = lines(
    GOOD,
    "{not json",
    "",
    "[1, 2]",
    GOOD | {"id": "two"},
    '"text"',
    "\ufeff" + json.dumps(GOOD | {"id": "three"}),
)


@pytest.mark.parametrize("name", ["cases.jsonl", "cases.ndjson", "cases.jsonl.gz", "cases.json", "unnamed"])
def test_broken_lines_are_numbered_and_the_others_go_on(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(BROKEN) if name.endswith(".gz") else BROKEN)
    found = list(read_cases(path))
    assert [case.id for case in found if isinstance(case, PacketCase)] == ["one", "two", "three"]
    errors = [error for error in found if isinstance(error, LineError)]
    assert [(error.line, error.source) for error in errors] == [(2, name), (4, name), (6, name)]
    assert errors[0].detail.startswith("not JSON:")
    assert errors[1].detail == "the packet: [1, 2]; an object was expected"


@pytest.mark.parametrize("name", ["cases.jsonl", "cases.json"])
def test_what_python_itself_refuses_is_an_error_of_its_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(lines(GOOD, '{"id": ' + "1" * 5000 + "}", GOOD | {"subject": {"sex": ["FEMALE"]}}))
    first, *errors = read_cases(path)
    assert isinstance(first, PacketCase)
    details = [(error.line, error.detail) for error in errors if isinstance(error, LineError)]
    assert details == [
        (2, "not JSON that can be read: a number has too many digits"),
        (3, "subject.sex: ['FEMALE']; one of FEMALE, MALE, OTHER_SEX, UNKNOWN_SEX was expected"),
    ]


@pytest.mark.parametrize("document", [GOOD, [GOOD], {"members": [GOOD]}])
def test_a_json_file_holds_one_packet_a_list_or_a_cohort(tmp_path: Path, document: Any) -> None:
    (tmp_path / "case.json").write_text(json.dumps(document, indent=2))
    assert list(read_cases(tmp_path / "case.json")) == [parse_packet(GOOD)]


def test_a_folder_and_a_zip_are_read_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.json").write_text(json.dumps(GOOD | {"id": "b"}))
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(lines(GOOD | {"id": "a"}, "{")))
    (folder / "deep" / "c.json").write_text("{")
    (folder / "readme.txt").write_text("not a case")
    with zipfile.ZipFile(tmp_path / "cases.zip", "w") as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    for path in (folder, tmp_path / "cases.zip"):
        found = list(read_cases(path))
        assert [c.id if isinstance(c, PacketCase) else (c.source, c.line) for c in found] == [
            "a", ("a.jsonl.gz", 2), "b", ("deep/c.json", 1),
        ]  # fmt: skip


def test_a_file_that_is_cut_short_keeps_what_came_before(tmp_path: Path) -> None:
    whole = gzip.compress(lines(*(GOOD | {"id": f"case {i}"} for i in range(500))), mtime=0)
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) * 3 // 4])
    found = list(read_cases(tmp_path / "cut.jsonl.gz"))
    assert isinstance(found[0], PacketCase)
    assert isinstance(found[-1], LineError)
    assert "damaged or cut short" in found[-1].detail


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("x.zip", b"PK nothing", "no readable zip"), ("none.jsonl", None, "does not exist")],
)
def test_what_cannot_be_read_at_all(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CaseFileError, match=message):
        list(read_cases(tmp_path / name))


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(CaseFileError, match="holds no phenopacket"):
        list(read_cases(tmp_path))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 100_000, b"\x00" * 50, b"NaN"])
def test_hostile_lines_are_refused_one_by_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(content + b"\n" + lines(GOOD))
    first, second = read_cases(tmp_path / "x.jsonl")
    assert isinstance(first, LineError)
    assert second == parse_packet(GOOD)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["id", "subject", "phenotypicFeatures", "type", "excluded", "sex",
                                                       "interpretations", "diagnosis", "disease", "diseases", "term",
                                                       "metaData", "externalReferences", "timeAtLastEncounter", "age"]),
                                      inner, max_size=6), max_leaves=12))  # fmt: skip
def test_any_json_is_a_case_or_a_packet_error(document: Any) -> None:
    try:
        case = parse_packet(document)
    except PacketError:
        return
    assert case.id
