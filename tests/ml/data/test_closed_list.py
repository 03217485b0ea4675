"""A closed list: many cases of a few diseases, from a source's own words to calibrated, explained probabilities."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.serving import Predictor
from tests.ml.data.clinic import record, write_clinic

MURMUR = "LOCAL:clinic/murmur"
# what a disease's patients say and answer, as probabilities: said first, asked and present, asked and uncertain
HABITS: dict[str, dict[str, tuple[float, float, float]]] = {
    "alpha in children": {
        "murmur": (0.7, 0.2, 0.0),
        "cloudy": (0.1, 0.2, 0.6),
        "blood test": (0.1, 0.3, 0.1),
    },
    "gamma": {"murmur": (0.1, 0.3, 0.1), "cloudy": (0.5, 0.4, 0.0), "blood test": (0.1, 0.3, 0.1)},
    "Ärger": {"murmur": (0.1, 0.2, 0.5), "cloudy": (0.1, 0.3, 0.1), "blood test": (0.4, 0.4, 0.0)},
}


def consultations(n: int, seed: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    records = []
    for number in range(n):
        verdict = list(HABITS)[number % len(HABITS)]
        said, asked = {}, {}
        for code, (first, present, uncertain) in HABITS[verdict].items():
            chance = random.random()
            if chance < first:
                said[code] = "1"
            elif chance < first + present + uncertain:
                asked[code] = "1" if chance < first + present else "2"
            elif random.random() < 0.5:
                asked[code] = "0"
        records.append(record(number, verdict, said=said, asked=asked))
    return records


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("closed")
    rare = [record(500 + n, "seen twice", said={"cloudy": "1"}) for n in range(2)]
    source, shape = write_clinic(folder / "source", [*consultations(90, 1), *rare])
    assert main(["cases", str(source), "--shape", str(shape), "--out", str(folder / "cases.jsonl")]) == 0
    return folder / "cases.jsonl"


def trained(folder: Path, knowledge: Path, cases: Path) -> Predictor:
    command = ["train", "--out", str(folder), "--knowledge", str(knowledge), "--cases", str(cases)]
    assert main([*command, "--candidates", "cases"]) == 0
    return Predictor.load(folder)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory, small_knowledge: Path, cases: Path) -> Predictor:
    return trained(tmp_path_factory.mktemp("closed-model") / "model", small_knowledge, cases)


def test_candidates_are_the_diseases_with_enough_cases(predictor: Predictor) -> None:
    assert predictor.disease_ids == ("LOCAL:clinic/Ärger", "OMIM:100001", "OMIM:100003")
    assert dict(predictor.candidates)["OMIM:100001"] == "Alpha syndrome"
    assert predictor.manifest.raw["model"]["diseases_left_out"] == {"LOCAL:clinic/seen%20twice": 2}
    assert predictor.manifest.calibration["ece_of_held_out_cases"] < 0.2


def test_who_said_it_and_what_nobody_knows_count(predictor: Predictor) -> None:
    def probability(disease: str, **findings: list[str]) -> float:
        ranking = predictor.predict(predictor.resolve(**findings)).ranking  # type: ignore[arg-type]
        return {row.id: row.probability for row in ranking}[disease]

    asked = probability("OMIM:100001", present=[MURMUR])
    assert probability("OMIM:100001", present=[MURMUR], volunteered=[MURMUR]) > asked
    assert probability("OMIM:100001", present=[MURMUR], uncertain=["HP:0000210"]) > asked


def test_explanations_add_up_exactly_to_the_score(predictor: Predictor) -> None:
    patients = [
        predictor.resolve(present=[MURMUR]),
        predictor.resolve(present=["HP:0000210", "LOCAL:clinic/blood%20test"], absent=[MURMUR]),
        predictor.resolve(present=["HP:0000100", MURMUR], uncertain=["HP:0000210"], volunteered=[MURMUR]),
    ]
    for disease in predictor.disease_ids:
        explained = [predictor.explain(patient, disease) for patient in patients]
        for explanation in explained:
            total = explanation.base + sum(c.weight for c in explanation.contributions)
            assert total == pytest.approx(explanation.score, abs=1e-6)
        # nothing is hidden in the base: it is the same whatever the findings are
        assert np.ptp([explanation.base for explanation in explained]) < 1e-6
        assert {c.state for c in explained[2].contributions} == {"present", "uncertain"}


def test_another_prior_shifts_the_odds_by_its_own(predictor: Predictor) -> None:
    query = predictor.resolve(present=[MURMUR])
    mix = predictor.clinic_prior({"OMIM:100001": 1, "OMIM:100003": 1_000_000})
    assert predictor.predict(query).ranking[0].id == "OMIM:100001"
    assert predictor.predict(query, prior=mix).ranking[0].id == "OMIM:100003"
    assert predictor.prior_basis("OMIM:100001").value == "30 cases"


def test_the_same_cases_give_the_same_bytes(
    predictor: Predictor, tmp_path: Path, small_knowledge: Path, cases: Path
) -> None:
    again = trained(tmp_path / "again", small_knowledge, cases)
    assert again.manifest.artefact_hash == predictor.manifest.artefact_hash


def test_the_common_benchmark_knows_protocol_raw_only(
    tmp_path: Path, small_knowledge: Path, cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, report = tmp_path / "model", tmp_path / "report.json"
    trained(model, small_knowledge, cases)
    command = ["benchmark", "--model", str(model), "--cases", str(cases), "--report", str(report)]
    assert main(command) == 0
    found = json.loads(report.read_text())
    assert (found["n"], found["n_unknown_disease"]) == (90, 2)
    assert found["top1"] > 0.7  # the cases that it learned from
    assert main([*command, "--leave-publication-out"]) == 1
    assert "only raw can be measured" in capsys.readouterr().err


def test_a_list_of_one_disease_is_no_list(
    tmp_path: Path, small_knowledge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, shape = write_clinic(
        tmp_path / "few", [record(n, "gamma", said={"cloudy": "1"}) for n in range(20)]
    )
    cases = tmp_path / "few.jsonl"
    assert main(["cases", str(source), "--shape", str(shape), "--out", str(cases)]) == 0
    command = [
        "train",
        "--out",
        str(tmp_path / "m"),
        "--knowledge",
        str(small_knowledge),
        "--cases",
        str(cases),
    ]
    assert main([*command, "--candidates", "cases"]) == 1
    assert "1 diseases have at least 10 cases; two or more were expected" in capsys.readouterr().err


def test_the_benchmark_reads_raw_files_and_measures(
    tmp_path: Path, small_knowledge: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, shape = write_clinic(tmp_path / "train", consultations(60, 2))
    test, _ = write_clinic(
        tmp_path / "test", [*consultations(30, 3), record(99, "never seen", said={"cloudy": "1"})]
    )
    report = tmp_path / "report.json"
    command = ["benchmark-consultations", "--knowledge", str(small_knowledge), "--shape", str(shape),
               "--report", str(report)]  # fmt: skip
    assert main(command) == 2
    assert main([*command, "--cross-validate", str(train)]) == 0
    (crossed,) = json.loads(report.read_text())["sets"].values()
    assert (crossed["reading"][0]["cases"], crossed["variants"]["full"]["n"]) == (60, 60)
    assert crossed["variants"]["full"]["accuracy"] > 0.6  # of three diseases
    assert "records.json, full: n 60, accuracy" in capsys.readouterr().out
    assert main([*command, "--test", str(train), str(test), "--ablation"]) == 0
    (tested,) = (found["variants"] for found in json.loads(report.read_text())["sets"].values())
    assert tested["full"]["n"] == 31
    low, high = tested["full"]["interval_95"]
    assert low < tested["full"]["accuracy"] < high
    assert tested["full"]["diseases"]["LOCAL:clinic/never%20seen"] == {"n": 1, "accuracy": 0.0}
    assert tested["full"]["accuracy"] > tested["knowledge alone, without cases"]["accuracy"]
    assert np.sum(tested["full"]["confusion"]["counts"]) == 31
