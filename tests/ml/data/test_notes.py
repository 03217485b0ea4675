"""Free text as a source: findings come out of it, and the text stays where it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ml.data.servers import Outcome, cases_of, ingest

FOLDER = "source: ward\nid: id\nnotes: [{field: text, language: en}]\n"
FIELD = """
source: ward
id: id
diagnosis: verdict
findings: [{field: said, state: present}]
notes: [{field: history}]
cleaning: {missing: ["NA"]}
"""
CANARY = "Canaryson"


def states(case: dict[str, Any]) -> dict[str, str]:
    return {finding["id"]: finding["state"] for finding in case["findings"]}


def written(outcome: Outcome) -> str:
    """All that the command has written but the raw snapshot."""
    reports = "".join((outcome.out / name).read_text() for name in ("report.json", "report.md"))
    return reports + json.dumps(cases_of(outcome))


def test_a_folder_of_texts_is_one_case_a_file(
    tmp_path: Path, small_knowledge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    texts = {
        "p1": f"Mrs {CANARY} has short stature. No cataract. Her mother has a septal defect.\n",
        "p2": f"Cataract in the left eye; {CANARY} is worried about short stature, which is suspected.\n",
        "p3": f"Nothing about {CANARY} is known here.\n",
        "p4": "   \n",
    }
    for name, text in texts.items():
        (tmp_path / f"in/{name}.txt").write_text(text)
    (tmp_path / "in/p5.txt").write_bytes(f"{CANARY} has f\xedebre".encode("latin-1"))
    outcome = ingest(
        tmp_path, {"kind": "files", "location": "in"}, FOLDER,
        "--knowledge", str(small_knowledge), "--error-budget", "0.9",
    )  # fmt: skip
    assert (outcome.code, outcome.ids) == (0, ["p1", "p2"])
    first, second = cases_of(outcome)
    assert states(first) == {"HP:0000300": "present", "HP:0000210": "absent"}
    assert states(second)["HP:0000210"] == "present"
    assert outcome.report is not None
    assert [(e["file"], e["why"].partition(":")[0]) for e in outcome.report["rejected"]] == [
        ("p3.txt", "no finding"),
        ("p4.txt", "no finding"),
        ("p5.txt", "not UTF-8 at byte 15"),
    ]
    assert [e["file"] for e in outcome.report["left_out"]] == ["p4.txt"]
    shown = capsys.readouterr()
    assert CANARY not in written(outcome) + shown.out + shown.err
    kept = (tmp_path / "raw").rglob("*")
    assert any(
        CANARY in path.read_text() for path in kept if path.is_file() and b"short" in path.read_bytes()
    )


def test_a_field_of_a_record_may_be_a_note_beside_codes(tmp_path: Path, small_knowledge: Path) -> None:
    records = [
        {"id": 1, "verdict": "OMIM:100001", "said": ["HP:0000300"],
         "history": f"  {CANARY} denies short stature; a cataract was found. "},
        {"id": 2, "verdict": "OMIM:100001", "said": ["HP:0000300"], "history": None},
        {"id": 3, "verdict": "OMIM:100001", "said": ["HP:0000300"], "history": [CANARY]},
    ]  # fmt: skip
    (tmp_path / "visits.json").write_text(json.dumps(records))
    source = {"kind": "files", "location": "visits.json"}
    outcome = ingest(tmp_path, source, FIELD, "--knowledge", str(small_knowledge))
    assert (outcome.code, outcome.ids) == (0, ["1", "2", "3"])
    assert states(cases_of(outcome)[0]) == {"HP:0000300": "present", "HP:0000210": "present"}
    assert outcome.report is not None
    assert [e["why"] for e in outcome.report["left_out"]] == ["history: a list; a text was expected"]
    assert any("HP:0000300 is present and absent" in e["why"] for e in outcome.report["suspicious"])
    assert CANARY not in written(outcome)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (FOLDER, "notes: free text needs the names of HPO's terms; a knowledge folder was expected"),
        (FOLDER.replace("en", "fr"), "notes[0].language: 'fr'; one of en, es was expected"),
        (FOLDER.replace("field: text", "text: x"), "notes[0]: 'text'; one of the keys field, language"),
        ("source: ward\nid: id\n", "findings: missing; a list"),
    ],
)
def test_notes_without_what_they_need_stop_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: str, message: str
) -> None:
    (tmp_path / "p1.txt").write_text("Cataract.")
    outcome = ingest(tmp_path, {"kind": "files", "location": "p1.txt"}, shape)
    assert (outcome.code, outcome.report) == (1, None)
    assert message in capsys.readouterr().err
