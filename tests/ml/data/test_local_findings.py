"""Findings that HPO lacks: learned from cases, accepted, ranked by and shown like any term."""

import json
from pathlib import Path

import pytest

from ml.cli import main
from ml.serving import InvalidInput, Predictor
from ml.training.train import train
from tests.ml.data.clinic import record, write_clinic
from tests.ml.packets import packet

MURMUR, BLOOD = "LOCAL:clinic/murmur", "LOCAL:clinic/blood%20test"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, small_knowledge: Path) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    records = [record(n, "alpha in children", said={"murmur": "1"}, asked={"cloudy": "2"}) for n in range(4)]
    records += [record(10 + n, "gamma", asked={"blood test": "1", "cloudy": "1"}) for n in range(4)]
    source, shape = write_clinic(folder / "source", records)
    assert main(["cases", str(source), "--shape", str(shape), "--out", str(folder / "cases.jsonl")]) == 0
    train(folder / "model", small_knowledge, [folder / "cases.jsonl"])
    return folder / "model"


def test_a_local_finding_ranks_the_disease_whose_cases_have_it(model: Path) -> None:
    predictor = Predictor.load(model)
    for finding, disease in ((MURMUR, "OMIM:100001"), (BLOOD, "OMIM:100003")):
        query = predictor.resolve(present=[finding])
        explanation = predictor.explain(query, disease)
        assert predictor.predict(query, 3).ranking[0].id == disease
        assert explanation.contributions[0].weight > 0
        total = explanation.base + sum(c.weight for c in explanation.contributions)
        assert total == pytest.approx(explanation.score, abs=1e-6)
    assert (
        predictor.explain(predictor.resolve(present=[MURMUR]), "OMIM:100001").contributions[0].label
        == "heart murmur"
    )


def test_below_a_term_it_is_evidence_for_diseases_that_no_case_has(model: Path) -> None:
    predictor = Predictor.load(model)
    query = predictor.resolve(present=[MURMUR])
    heart, eye = (predictor.explain(query, disease) for disease in ("OMIM:100002", "OMIM:100004"))
    assert heart.contributions[0].matched == "HP:0000100"  # through the more general term that knowledge has
    assert heart.contributions[0].weight > eye.contributions[0].weight


def test_an_unknown_local_finding_gets_a_clear_answer(model: Path, small_model: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        Predictor.load(model).resolve(present=["LOCAL:clinic/murmurs"])
    (issue,) = caught.value.issues
    assert (issue.code, issue.field) == ("not_learned", "findings.present[0]")
    assert (MURMUR, "heart murmur") in issue.near
    with pytest.raises(InvalidInput, match="is no finding that this model has learned"):
        Predictor.load(small_model).resolve(present=[MURMUR])


def test_uncertain_findings_are_kept_and_leave_the_knowledge_s_score_alone(model: Path) -> None:
    predictor = Predictor.load(model)
    assert predictor.training_cases is not None
    cataract = predictor.vocabulary.graph.index["HP:0000210"]
    assert predictor.training_cases.uncertain[0] == (cataract,)
    assert predictor.training_cases.volunteered[0] == (predictor.vocabulary.graph.index[MURMUR],)
    sure = predictor.resolve(present=[BLOOD])
    unsure = predictor.resolve(present=[BLOOD], uncertain=["HP:0000210", BLOOD], volunteered=[BLOOD])
    assert unsure.uncertain == ("HP:0000210",)  # what is present is not uncertain
    assert [row.score for row in predictor.predict(sure).ranking] == [
        row.score for row in predictor.predict(unsure).ranking
    ]
    with pytest.raises(InvalidInput, match="is no finding of this patient"):
        predictor.resolve(present=[BLOOD], volunteered=["HP:0000210"])


def test_on_the_command_line(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "predict",
        "--model",
        str(model),
        "--present",
        MURMUR,
        "--uncertain",
        "HP:0000210",
        "--explain",
    ]
    assert main(command) == 0
    assert "heart murmur" in capsys.readouterr().out
    assert main([*command[:5], "--uncertain", "HP:0000210", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["uncertain"] == ["HP:0000210"]


def test_records_and_packets_are_read_side_by_side(model: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours.jsonl"
    good = {"schema": "hoofbeat-case/1", "id": "r", "group": "g", "diagnoses": [{"id": "OMIM:100001"}]}
    bad = {"schema": "hoofbeat-case/1", "id": "x", "findings": [{"id": "HP:1", "state": 1}]}
    lines = [
        good | {"findings": [{"id": MURMUR, "state": "present"}]},
        {"schema": "other/2"},
        bad,
        packet("packet", "OMIM:100003", ["HP:0000220"]),
    ]
    ours.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = tmp_path / "report.json"
    assert main(["benchmark", "--model", str(model), "--cases", str(ours), "--report", str(report)]) == 0
    found = json.loads(report.read_text())
    assert (found["n"], found["top1"], found["n_publications"]) == (2, 1.0, 2)
    assert [error["line"] for error in found["errors"]] == [2, 3]
    assert "'hoofbeat-case/1' was expected" in found["errors"][0]["detail"]
    assert "findings[0].state: 1" in found["errors"][1]["detail"]
