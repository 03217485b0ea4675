"""The benchmark on hand-written packets of the small release, where every rank can be counted by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.evaluation.calibration import expected_calibration_error
from ml.evaluation.metrics import publication_intervals, rank_of, stratum_of, summary
from tests.ml.packets import packet


def run(
    model: Path, folder: Path, lines: list[Any], *options: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    cases = folder / "cases.jsonl"
    cases.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    report, predictions = folder / "report.json", folder / "predictions.jsonl"
    done = main(["benchmark", "--model", str(model), "--cases", str(cases), "--report", str(report),
                 "--predictions", str(predictions), *options])  # fmt: skip
    assert done == 0
    return json.loads(report.read_text()), [json.loads(line) for line in predictions.read_text().splitlines()]


LENS = packet("lens", "OMIM:100003", ["HP:0000220"], publication="PMID:31")
SEPTUM = packet("septum", "OMIM:100001", ["HP:0000111"], publication="PMID:11")


def test_the_formats_are_those_promised(small_model: Path, tmp_path: Path) -> None:
    report, predictions = run(small_model, tmp_path, [LENS, SEPTUM])
    assert {"n", "top1", "top3", "top5", "top10", "mrr", "macro_top10", "strata"} <= report.keys()
    assert (report["n"], report["top1"], report["mrr"]) == (2, 1.0, 1.0)
    assert report["strata"].keys() == {"0", "1-4", "5+"}
    assert report["strata"]["0"]["n"] == 2
    assert report["strata"]["5+"] == {"n": 0} | dict.fromkeys(
        ("top1", "top3", "top5", "top10", "mrr", "macro_top10")
    ) | {"intervals_95": {}}
    first = predictions[0]
    assert first.keys() == {"id", "truth", "rank", "ranking"}
    assert (first["id"], first["truth"], first["rank"]) == ("lens", "OMIM:100003", 1.0)
    assert first["ranking"][0][0] == "OMIM:100003"
    assert len(first["ranking"]) == 5  # all candidates, as there are fewer than 100
    listed = sum(probability for _, probability in first["ranking"])
    assert 0.5 < listed < 1  # the rest is the probability of none of these


def test_strata_can_be_those_of_another_model(
    small_model: Path, small_model_with_cases: Path, tmp_path: Path
) -> None:
    report, _ = run(small_model, tmp_path, [LENS, SEPTUM], "--strata-of", str(small_model_with_cases))
    assert report["n_training_cases"] == 0
    assert report["strata"]["1-4"]["n"] == 2
    assert report["strata"]["1-4"]["intervals_95"]["top1"] == [1.0, 1.0]


def test_what_cannot_be_scored_is_reported_and_the_rest_goes_on(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = packet("unknown", "OMIM:999999", ["HP:0000220"])
    undiagnosed = packet("undiagnosed", None, ["HP:0000220"])
    odd = packet("odd", "OMIM:100003", ["HP:0000119", "HP:7777777", "HP:0000006"])
    report, predictions = run(small_model, tmp_path, [LENS, "{oops", unknown, undiagnosed, odd])
    assert "cases.jsonl, line 2: not JSON" in capsys.readouterr().err
    assert report["errors"][0]["line"] == 2
    assert (report["n"], report["n_cases"], report["n_skipped"]) == (2, 3, 2)
    assert (report["n_unknown_disease"], report["undiagnosed"], report["n_unknown_terms"]) == (
        1,
        ["undiagnosed"],
        2,
    )
    assert [(line["id"], line["rank"]) for line in predictions][:2] == [("lens", 1.0), ("unknown", None)]
    assert report["all_cases"]["top1"] <= 2 / 3


def test_leaving_its_publication_out_takes_a_disease_its_rows(small_model: Path, tmp_path: Path) -> None:
    raw, _ = run(small_model, tmp_path, [LENS])
    clean, predictions = run(small_model, tmp_path, [LENS], "--leave-publication-out")
    assert (raw["top1"], raw["n_emptied"]) == (1.0, 0)
    # everything that is known of the disease comes from the case's own publication: counted as a miss, not dropped
    assert (clean["n"], clean["top1"], clean["n_emptied"]) == (1, 0.0, 1)
    assert predictions[0]["rank"] == 5
    other, _ = run(small_model, tmp_path, [LENS | {"metaData": {}}], "--leave-publication-out")
    assert other["top1"] == 1.0


def test_a_row_with_other_references_stays_unless_strict(small_model: Path, tmp_path: Path) -> None:
    clean, _ = run(small_model, tmp_path, [SEPTUM], "--leave-publication-out")
    assert (clean["top1"], clean["n_emptied"]) == (1.0, 0)
    assert (clean["strict"]["top1"], clean["strict"]["n_emptied"]) == (0.0, 1)


def test_fair_takes_a_reference_from_every_other_disease_too(small_model: Path, tmp_path: Path) -> None:
    case = packet("short", "OMIM:100002", ["HP:0000300"], publication="PMID:123")
    clean, before = run(small_model, tmp_path, [case], "--leave-publication-out")
    fair, after = run(small_model, tmp_path, [case], "--fair")
    assert (clean["protocol"], fair["protocol"]) == ("leave-publication-out", "fair")
    # Epsilon deletion is known from one reference only, so without it there is nothing left
    assert after[0]["ranking"][-1][1] < before[0]["ranking"][-1][1]


def test_training_cases_make_strata_and_are_left_out_too(
    small_model_with_cases: Path, tmp_path: Path
) -> None:
    seen = packet("seen", "OMIM:100003", ["HP:0000220"], publication="PMID:503")
    raw, _ = run(small_model_with_cases, tmp_path, [seen, SEPTUM])
    assert (raw["strata"]["1-4"]["n"], raw["n_training_cases"]) == (2, 4)
    _, with_case = run(small_model_with_cases, tmp_path, [seen])
    _, without = run(small_model_with_cases, tmp_path, [seen], "--leave-publication-out")
    assert dict(without[0]["ranking"])["OMIM:100003"] < dict(with_case[0]["ranking"])["OMIM:100003"]


def test_leaving_out_a_publication_that_nothing_cites_changes_nothing(
    small_model_with_cases: Path, tmp_path: Path
) -> None:
    case = packet("other", "OMIM:100001", ["HP:0000112", "HP:0000300"], ["HP:0000220"], "PMID:777",
                  timeAtLastEncounter={"age": {"iso8601duration": "P2Y"}})  # fmt: skip
    _, raw = run(small_model_with_cases, tmp_path, [case])
    _, clean = run(small_model_with_cases, tmp_path, [case], "--leave-publication-out")
    assert clean[0]["ranking"] == [[d, pytest.approx(p, abs=1e-5)] for d, p in raw[0]["ranking"]]


def test_ties_count_half() -> None:
    scores = np.array([1.0, 3.0, 3.0, 3.0, 0.0])
    assert rank_of(scores, 1) == 2.0
    assert rank_of(scores, 0) == 4.0
    assert rank_of(np.zeros(4), 2) == 2.5


def test_the_measures_by_hand() -> None:
    measured = summary(np.array([1.0, 2.0, 4.0, 20.0]), ["a", "a", "b", "c"])
    assert measured["top1"] == 0.25
    assert (measured["top3"], measured["top5"], measured["top10"]) == (0.5, 0.75, 0.75)
    assert measured["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 20) / 4)
    assert measured["macro_top10"] == pytest.approx((1 + 1 + 0) / 3)
    assert [stratum_of(n) for n in (0, 1, 4, 5, 99)] == ["0", "1-4", "1-4", "5+", "5+"]


def test_intervals_come_from_publications() -> None:
    ranks = np.array([1.0] * 50 + [99.0] * 50)
    by_publication = publication_intervals(ranks, ["p"] * 50 + ["q"] * 50)["top1"]
    by_case = publication_intervals(ranks, [str(i) for i in range(100)])["top1"]
    assert by_publication == [0.0, 1.0]
    assert by_case[0] > 0.35
    assert by_case[1] < 0.65


def test_calibration_error_by_hand() -> None:
    confidence, correct = np.array([0.95, 0.95, 0.15, 0.15]), np.array([True, False, False, False])
    assert expected_calibration_error(confidence, correct) == pytest.approx((2 * 0.45 + 2 * 0.15) / 4)
    assert expected_calibration_error(np.zeros(0), np.zeros(0, bool)) is None
