"""The mapping sets that ship here say what HPO and the set of common diseases say."""

import csv
import importlib.resources
import json
from pathlib import Path

import pytest

from ml.cli import main
from ml.knowledge.common import read_common
from ml.serving import Predictor

MAPPINGS = Path(str(importlib.resources.files("ml.data") / "mappings"))


def rows(name: str) -> list[dict[str, str]]:
    lines = (MAPPINGS / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t"))


def test_symptoms_are_live_terms_under_their_own_labels(predictor: Predictor) -> None:
    vocabulary = predictor.vocabulary
    wrong = [
        row["subject_id"]
        for row in rows("dxformer-symptoms.sssom.tsv")
        if row["object_id"] != "sssom:NoTermFound"
        and not (
            vocabulary.is_phenotype(row["object_id"])
            and vocabulary.label(row["object_id"]) == row["object_label"]
        )
    ]
    assert wrong == []


def test_each_row_is_said_once_translated_and_rated() -> None:
    for name in ("dxformer-symptoms.sssom.tsv", "dxformer-diseases.sssom.tsv"):
        found = rows(name)
        assert len({row["subject_id"] for row in found}) == len(found)
        assert found == sorted(found, key=lambda row: row["subject_id"])
        assert [
            row for row in found if not row["subject_label"] or not 0 < float(row["confidence"]) <= 1
        ] == []
        # who doubts says why
        assert [row for row in found if float(row["confidence"]) < 0.8 and not row["comment"]] == []


def test_diagnoses_are_different_and_named_as_the_common_set_names_them() -> None:
    names = {disease.id: disease.name for disease in read_common()}
    found = rows("dxformer-diseases.sssom.tsv")
    assert len({row["object_id"] for row in found}) == len(found)
    assert [r for r in found if r["object_id"] in names and names[r["object_id"]] != r["object_label"]] == []
    assert sum(row["object_id"] in names for row in found) == 8


def test_the_shape_reads_a_consultation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    consultation = {
        "pid": "1",
        "exp_sxs": {"发热": "1"},
        "imp_sxs": {"咳嗽": "0", "血常规": "1", "水样便": "2"},
        "label": "小儿感冒",
    }
    source, out = tmp_path / "source.json", tmp_path / "cases.jsonl"
    source.write_text(json.dumps([consultation]))
    assert main(["cases", str(source), "--shape", str(MAPPINGS / "dxformer.yaml"), "--out", str(out)]) == 0
    case = json.loads(out.read_text())
    assert case["diagnoses"] == [{"id": "MONDO:0005709", "label": "common cold"}]
    assert [(f["id"], f["state"], f.get("volunteered", False)) for f in case["findings"]] == [
        ("HP:0001945", "present", True),
        ("LOCAL:dxformer/血常规", "present", False),
        ("HP:0012735", "absent", False),
        ("LOCAL:dxformer/水样便", "uncertain", False),
    ]
    assert "1 below a term, 1 local (0 codes that the mapping does not list)" in capsys.readouterr().out
