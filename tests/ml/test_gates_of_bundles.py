"""The gates on real bundles of the small release: what reaches them from files, and what a broken bundle does."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.cli import main
from ml.data.records import parse_known
from ml.evaluation.gates.disturb import changes, disturbed
from ml.evaluation.gates.process import MeasurementError, measure
from ml.evaluation.run import ranker_of
from ml.export.parity import compare
from ml.serving import Predictor
from ml.serving.artefact import MODEL
from ml.training.parameters import new_ranker
from tests.ml.packets import packet

SEPTUM = packet("septum", "OMIM:100001", ["HP:0000111", "HP:0000210"], publication="PMID:11", sex="FEMALE")


def test_the_command_judges_two_bundles(
    small_model: Path, small_model_with_cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, subgroups, report = tmp_path / "cases.jsonl", tmp_path / "of.jsonl", tmp_path / "gates.json"
    unknown = packet("unknown", "OMIM:999999", ["HP:0000220"])
    cases.write_text("".join(json.dumps(case) + "\n" for case in (SEPTUM, unknown, "no case")))
    subgroups.write_text('{"id": "septum", "organisation": "north"}\n')
    words = ["gates", "--model", str(small_model), "--running", str(small_model_with_cases), "--cases", str(cases),
             "--subgroups", str(subgroups), "--report", str(report)]  # fmt: skip
    assert main(words) == 1, "one case is no evidence"
    found = json.loads(report.read_text())
    # the running model learned "unknown" from its cases: the candidate, which did not, is measured on it as well
    assert (found["verdict"], found["n"], found["n_skipped"]) == ("insufficient_evidence", 2, 1)
    verdict = {gate["name"]: gate["verdict"] for gate in found["gates"]}
    assert verdict["parity"] == verdict["memory"] == verdict["latency: 50 findings"] == "passed"
    assert verdict["subgroup: organisation north, against the others"] == "insufficient_evidence"
    assert verdict["stratum: common diseases"] == "insufficient_evidence"
    assert {
        "stratum: 0 training cases",
        "calibration",
        "accuracy: mrr",
        "subgroup: age 65+, against the running model",
    } <= (verdict.keys())
    assert "stratum: 5+ training cases" not in verdict, "no disease of this model has any"
    assert "insufficient_evidence: 2 cases of 2 groups" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["{", "[]", '{"organisation": "north"}'])
def test_a_wrong_file_of_subgroups_is_named(
    line: str, small_model: Path, small_cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subgroups = tmp_path / "of.jsonl"
    subgroups.write_text(line)
    words = ["--running", str(small_model), "--cases", str(small_cases), "--subgroups", str(subgroups)]
    assert main(["gates", "--model", str(small_model), "--report", str(tmp_path / "r"), *words]) == 1
    assert "of.jsonl: lines such as" in capsys.readouterr().err


def test_parity_is_compared_again_and_finds_another_model(small_model_with_cases: Path) -> None:
    predictor = Predictor.load(small_model_with_cases)
    cases = predictor.training_cases
    assert cases is not None
    graph = (small_model_with_cases / MODEL).read_bytes()
    ranker = ranker_of(predictor)
    own = compare(ranker, graph, cases)
    assert (own.max_difference < 1e-5, own.same_top10) == (True, len(cases))
    uncalibrated = new_ranker(predictor.manifest.raw["model"]["parameters"]).fit(ranker.evidence_)
    assert compare(uncalibrated, graph, cases).max_difference > 1e-3


def test_findings_are_lost_added_and_made_general(small_model: Path) -> None:
    vocabulary = Predictor.load(small_model).vocabulary
    case = replace(parse_known(SEPTUM), present=("HP:0000111", "HP:0000210", "HP:0000300", "HP:7777777"))
    lost, noisy, vague = (disturbed([case] * 500, c, 1) for c in changes(vocabulary).values())
    kept = [len(one.present) for one in lost]
    assert 3.1 < np.mean(kept) < 3.3
    assert all(set(case.present) <= set(one.present) for one in noisy)
    assert max(len(one.present) for one in noisy) == 6
    said = [one.present[0] for one in vague]
    assert set(said) == {"HP:0000111", "HP:0000110"}
    assert 0.2 < said.count("HP:0000110") / 500 < 0.4
    # nothing above "short stature" but the root, and no one knows the last one
    assert all({"HP:0000300", "HP:7777777"} <= set(one.present) for one in vague)
    assert disturbed([case] * 9, changes(vocabulary)[next(iter(changes(vocabulary)))], 1) == lost[:9]


def test_a_predictor_that_cannot_be_measured_says_why(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="is no model"):
        measure(tmp_path, (1,), 1)
