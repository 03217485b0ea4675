"""Probabilities, "none of these" and sets: fitted, exported, served and measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from ml.cli import main
from ml.evaluation.calibration import FitCases, fit_reliability, listed_case, weighted_quantile
from ml.evaluation.reliance import Reliance
from ml.evaluation.thresholds import COVERAGES, set_limits
from ml.serving import Predictor
from ml.serving.sets import SetLimits
from ml.training.reliability import Observed, Reliability
from ml.training.trust import kinds_of, nearest_set, read_trust
from tests.ml.test_serving import MARFAN

N_DISEASES = 300


def drawn_cases(n: int, seed: int) -> tuple[FitCases, np.ndarray, list[np.ndarray]]:
    """Patients of a known world: scores spread 3 times (with cases 6 times) as much as they should; of a tenth, whose
    findings are hardly explained, the disease is not described."""
    random = np.random.default_rng(seed)
    cases, scores_of = [], []
    for _ in range(n):
        evidence = int(random.integers(0, 3))
        right = random.normal(size=N_DISEASES) * 2
        probability = np.exp(right) / np.exp(right).sum()
        none = bool(random.random() < 0.1)
        truth = None if none else int(random.choice(N_DISEASES, p=probability))
        explained = 4.0 if none else 16.0
        scores = right * (6.0 if evidence == 2 else 3.0)
        scores_of.append(scores)
        cases.append(listed_case(scores, truth, Observed(6, 20.0, explained, evidence)))
    return FitCases(cases), np.ones(n), scores_of


def test_fitting_finds_the_temperature_of_each_evidence_and_who_is_not_described() -> None:
    cases, weights, _ = drawn_cases(1500, 3)
    fitted = fit_reliability(cases, weights)
    for evidence, wanted in ((0, 3.0), (1, 3.0), (2, 6.0)):
        temperature = fitted.temperature(Observed(6, 20.0, 16.0, evidence))
        assert temperature == pytest.approx(wanted, rel=0.15)
    assert fitted.none_of_these(Observed(6, 20.0, 4.0, 0)) > 0.9
    assert fitted.none_of_these(Observed(6, 20.0, 16.0, 0)) < 0.03


def test_probabilities_add_up_with_none_of_these() -> None:
    reliability = Reliability(2.0, 0.5, (0.0, 0.1, 0.2), (-1.0, 2.0, 0.0, 0.0))
    seen = Observed(4, 10.0, 7.0, 2)
    probability = reliability.probabilities(np.array([3.0, 1.0, -500.0]), seen)
    assert probability.sum() + reliability.none_of_these(seen) == pytest.approx(1.0)
    assert reliability.temperature(seen) == pytest.approx(2.0 * 2.0 * np.exp(0.2))


def test_sets_hold_as_many_of_new_patients_as_they_say() -> None:
    cases, weights, _ = drawn_cases(3000, 5)
    reliability = fit_reliability(cases, weights)
    limits = SetLimits(**set_limits(cases, weights, reliability))
    new, _, scores = drawn_cases(1500, 6)
    first, truth = new.conditional(reliability)
    for coverage in COVERAGES:
        held = []
        for k in np.flatnonzero(new.described).tolist():
            evidence = int(new.evidence[k])
            temperature = reliability.temperature(Observed(6, 20.0, 16.0, evidence))
            conditional = np.exp((scores[k] - scores[k].max()) / temperature)
            members = limits.members(conditional / conditional.sum(), evidence, coverage)
            least = (conditional / conditional.sum())[members].min()
            held.append(truth[k] >= least - 1e-9)
            assert 1 <= members.sum() < N_DISEASES
        assert np.mean(held) == pytest.approx(coverage, abs=0.03)
    assert first.max() <= 1


def test_a_confident_first_place_does_not_make_sets_hold_more_than_they_say() -> None:
    random = np.random.default_rng(8)
    # of half the patients the first disease is nearly certain and nearly always right; of the others nothing is clear
    cases = []
    for sure in (random.random(4000) < 0.5).tolist():
        right = np.where(np.arange(21) == 0, 6.0, 0.0) if sure else -0.15 * np.arange(21)
        probability = np.exp(right) / np.exp(right).sum()
        truth = int(random.choice(21, p=probability))
        cases.append(listed_case(right, truth, Observed(6, 20.0, 16.0, 1)))
    fitted, weights = FitCases(cases), np.ones(len(cases))
    reliability = Reliability()
    limits = SetLimits(**set_limits(fitted, weights, reliability))
    first, truth = fitted.conditional(reliability)
    for coverage in COVERAGES:
        least = np.array([limits.least[f"{coverage:g}"][1][limits.interval(float(p))] for p in first])
        held = (truth >= least) | (fitted.truth == 0)
        assert held[first > 0.75].mean() > 0.93
        assert held.mean() == pytest.approx(coverage, abs=0.03)


def test_none_of_these_follows_the_evidence_of_the_first_disease() -> None:
    reliability = Reliability(1.0, 0.0, none=(-2.0, 0.0, 0.0, 0.0), none_evidence=(0.0, 0.0, -1.0))
    few, _, with_cases = (reliability.none_of_these(Observed(6, 20.0, 16.0, e)) for e in range(3))
    assert few == pytest.approx(1 / (1 + np.exp(2.0)))
    assert with_cases == pytest.approx(1 / (1 + np.exp(3.0)))


def test_publications_weigh_alike_in_quantiles() -> None:
    values = np.array([1.0, 2.0, 3.0, 9.0])
    assert weighted_quantile(values, np.ones(4), 0.75) == 3.0
    # three cases of one publication count as one
    assert weighted_quantile(values, np.array([1 / 3, 1 / 3, 1 / 3, 1.0]), 0.75) == 9.0


def test_the_set_of_the_nearest_knowledge_is_chosen() -> None:
    def fitted(name: str, with_cases: bool) -> dict[str, object]:
        return {"sources": [name], "with_cases": with_cases}

    trust = {"sets": [fitted("HPO", False), fitted("Orphanet", False), fitted("HPO", True)]}
    assert nearest_set(trust, ["Orphanet, packets"], False) == fitted("Orphanet", False)
    assert nearest_set(trust, ["Orphanet, packets"], True) == fitted("HPO", True)
    assert kinds_of(["Orphanet, packets", "Orphanet, genes"]) == {"Orphanet"}


def test_what_ships_was_fitted_without_and_with_cases() -> None:
    trust = read_trust()
    assert {s["with_cases"] for s in trust["sets"]} == {False, True}
    assert trust["provenance"]["command"].startswith("python -m ml calibrate")
    assert all(s["calibration"]["calibrated"] for s in trust["sets"])


def test_a_prediction_says_what_it_is_worth(predictor: Predictor) -> None:
    query = predictor.resolve(present=MARFAN)
    narrow, wide = predictor.predict(query, coverage=0.8), predictor.predict(query, coverage=0.9)
    assert narrow.calibrated
    assert 0 < narrow.none_of_these < 1
    assert narrow.set_size is not None
    assert wide.set_size is not None
    assert 1 <= narrow.set_size <= wide.set_size
    assert sum(row.in_set for row in narrow.ranking) == min(narrow.set_size, 100)
    # the set is the top of the list
    assert [row.in_set for row in narrow.ranking] == sorted((r.in_set for r in narrow.ranking), reverse=True)
    with pytest.raises(ValueError, match="coverage"):
        predictor.predict(query, coverage=0.5)


def test_other_priors_give_estimates(predictor: Predictor) -> None:
    prediction = predictor.predict(predictor.resolve(present=MARFAN), prior="uniform")
    assert not prediction.calibrated
    assert prediction.set_coverage is None
    assert prediction.set_size is None
    assert not any(row.in_set for row in prediction.ranking)
    assert prediction.none_of_these > 0


def test_unexplained_findings_raise_none_of_these(predictor: Predictor) -> None:
    from tests.ml.test_trust import UNRELATED

    strange = [f for f in UNRELATED if predictor.vocabulary.is_phenotype(f)]
    known, unknown = (
        predictor.predict(predictor.resolve(present=p)).none_of_these for p in (MARFAN, strange)
    )
    assert unknown > 2 * known


def test_calibrate_makes_a_file_that_training_reads(
    small_knowledge: Path, small_cases: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trust.json"
    done = main(
        ["calibrate", "--knowledge", str(small_knowledge), "--cases", str(small_cases), "--out", str(out)]
    )
    assert done == 0
    trust = json.loads(out.read_text())
    assert [s["with_cases"] for s in trust["sets"]] == [False, True]
    shipped = read_trust()["sets"][0]
    for fitted in trust["sets"]:
        assert fitted.keys() == shipped.keys()
        assert fitted["calibration"]["n_cases"] == 5
    assert trust["provenance"]["data"][0]["name"] == small_cases.name


def test_the_report_counts_coverage_by_case_and_by_publication() -> None:
    reliance = Reliance(
        evidence=[0, 0, 0, 2], n_findings=[2, 2, 2, 12], confidence=[0.5, 0.5, 0.5, 0.9],
        correct=[True, False, False, True], none=[0.1, 0.1, 0.1, 0.8],
        diagnosis=["described", "described", "described", "unknown"], publication=["a", "a", "b", "c"],
        held={0.8: [True, True, False, False]}, size={0.8: [3, 3, 6, 9]},
    )  # fmt: skip
    report = reliance.report()
    held = report["sets"]["0.8"]
    assert held["n"] == 3
    assert held["coverage"] == pytest.approx(2 / 3)
    assert held["coverage_by_publication"] == pytest.approx(1 / 2)
    assert held["mean_size"] == 4
    assert report["none_of_these"]["auc"] == 1.0
    everybody, known = report["all_cases"], report["given_a_candidate"]
    assert everybody["strata"]["few references"]["ece"] == pytest.approx(0.5 - 1 / 3)
    assert known["strata"]["few references"]["stated"] == pytest.approx(0.5 / 0.9)
    assert (everybody["n"], known["n"]) == (4, 3)
    assert sum(row["n"] for row in everybody["reliability"]) == 4


@pytest.mark.parametrize("silent", ["skip", "unknown", "no"])
def test_questions_are_simulated(small_model: Path, small_cases: Path, tmp_path: Path, silent: str) -> None:
    out = tmp_path / "questions.json"
    done = main(["simulate-questions", "--model", str(small_model), "--cases", str(small_cases), "--silent", silent,
                 "--report", str(out)])  # fmt: skip
    assert done == 0
    report = json.loads(out.read_text())
    assert report["all"]["n"] == 3
    assert len(report["all"]["asked"]["top10"]) == 6
    assert report["silent"] == silent


def test_merged_cases_are_simulated(small_model: Path, tmp_path: Path) -> None:
    from tests.ml.packets import packet

    lines = [
        packet("a", "OMIM:100001", ["HP:0000111", "HP:0000112", "HP:0000300"], publication="PMID:1"),
        packet("b", "OMIM:100003", ["HP:0000220", "HP:0000210", "HP:0000300"], publication="PMID:2"),
    ]
    cases, out = tmp_path / "cases.jsonl", tmp_path / "pairs.json"
    cases.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = main(["simulate-pairs", "--model", str(small_model), "--cases", str(cases), "--merged", "4",
                 "--report", str(out)])  # fmt: skip
    assert done == 0
    report = json.loads(out.read_text())
    assert report["one_disease"]["n"] == 2
    assert report["two_diseases"]["n"] == 4
