"""Diseases that only confirmed cases describe stand in the list of a model trained on them."""

import json
from pathlib import Path

import pytest

from ml.serving import Predictor
from ml.training.train import train
from tests.ml.packets import packet

NEW = "OMIM:999001"
FINDINGS = ["HP:0000111", "HP:0000220"]


def _write(path: Path, packets: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in packets))
    return path


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = packet("new1", NEW, FINDINGS, publication="PMID:901")
    named["interpretations"][0]["diagnosis"]["disease"]["label"] = "Heart and lens disease"
    return _write(
        tmp_path_factory.mktemp("cases") / "cases.jsonl",
        [
            named,
            packet("new2", NEW, ["HP:0000111"], publication="PMID:902"),
            packet("held", "OMIM:999002", ["HP:0000300"], publication="PMID:903"),
            packet("empty", "OMIM:999003", [], publication="PMID:904"),
            packet("old", "OMIM:100003", ["HP:0000220"], publication="PMID:905"),
        ],
    )


@pytest.fixture(scope="module")
def predictor(cases: Path, small_knowledge: Path, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("diagnosed")
    held = _write(folder / "held.jsonl", [packet("x", "OMIM:100001", ["HP:0000300"], publication="PMID:903")])
    train(folder / "model", small_knowledge, [cases], [held])
    return Predictor.load(folder / "model")


def test_a_diagnosis_of_a_case_is_a_candidate(predictor: Predictor) -> None:
    assert NEW in predictor.disease_ids
    best = predictor.predict(predictor.resolve(present=FINDINGS)).ranking[0]
    assert (best.id, best.name) == (NEW, "Heart and lens disease")


def test_no_candidate_comes_from_what_was_left_out(predictor: Predictor) -> None:
    assert not {"OMIM:999002", "OMIM:999003"} & set(predictor.disease_ids)


def test_its_explanation_adds_up_without_published_rows(predictor: Predictor) -> None:
    explained = predictor.explain(predictor.resolve(present=FINDINGS), NEW)
    assert all(c.references == () for c in explained.contributions)
    total = sum(c.weight for c in explained.contributions) + explained.base
    assert total == pytest.approx(explained.score, abs=1e-6)


def test_without_cases_there_is_no_such_candidate(small_model: Path) -> None:
    assert NEW not in Predictor.load(small_model).disease_ids
