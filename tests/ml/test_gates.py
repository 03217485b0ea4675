"""The gates on made-up ranks: each fails when what it guards is broken, and only then."""

from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.evaluation.gates.checks import (
    Ranks,
    accuracy_gates,
    calibration_gate,
    latency_gates,
    memory_gate,
    parity_gate,
    robustness_gates,
    stratum_gates,
)
from ml.evaluation.gates.outcome import FAILED, INSUFFICIENT, PASSED, Gate, overall
from ml.evaluation.gates.resampling import Resampled
from ml.evaluation.gates.subgroups import age_band, subgroup_gates
from ml.evaluation.gates.thresholds import ThresholdError, Thresholds, read_thresholds, thresholds_of
from ml.evaluation.multiple import holm

LIMITS = Thresholds()
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """Patients in publications. What makes a case hard is known in part (`difficulty`); the north has harder ones."""

    ranks: Ranks
    groups: list[str]
    attributes: dict[str, list[str | None]]
    difficulty: list[str]

    @cached_property
    def resampled(self) -> Resampled:
        return Resampled(self.groups)

    def of(self, attribute: str, value: str) -> Mask:
        return np.array([v == value for v in self.attributes[attribute]])


@cache
def world(seed: int, n: int = 1800, n_groups: int = 600) -> World:
    """A running model and its unbiased twin: the same accuracy, other ranks on every case."""
    random = np.random.default_rng(seed)
    group = random.integers(0, n_groups, n)
    organisation = random.choice(["north", "south", "west"], n, p=[0.3, 0.4, 0.3])
    hard = random.random(n) < np.where(organisation == "north", 0.7, 0.3)
    centre = 1.2 + 1.5 * hard + 0.5 * random.normal(size=n_groups)[group]
    own = random.normal(0, 1, n)
    running, twin = (
        np.maximum(1, np.floor(np.exp(centre + own + 0.2 * random.normal(size=n)))) for _ in range(2)
    )
    sex = random.choice(["female", "male", ""], n, p=[0.45, 0.45, 0.1])
    age = random.choice(["<1", "1-17", "18-64", "65+"], n, p=[0.2, 0.3, 0.3, 0.2])
    attributes = {"sex": sex, "age": age, "organisation": organisation}
    return World(
        Ranks(twin, running), [f"PMID:{g}" for g in group],
        {name: [str(v) or None for v in values] for name, values in attributes.items()},
        ["hard" if h else "easy" for h in hard],
    )  # fmt: skip


def worse(ranks: Ranks, where: Mask, seed: int, share: float = 0.3) -> Ranks:
    """The candidate loses a share of its cases somewhere."""
    lost = where & (np.random.default_rng(seed).random(len(where)) < share)
    return replace(ranks, candidate=np.where(lost, 500.0, ranks.candidate))


def verdicts(gates: list[Gate]) -> dict[str, str]:
    return {gate.name: gate.verdict for gate in gates}


def subgroups(one: World, ranks: Ranks) -> list[Gate]:
    return subgroup_gates(ranks, one.attributes, one.difficulty, one.resampled, LIMITS)


@pytest.mark.parametrize(
    ("attribute", "value"), [("sex", "female"), ("age", "65+"), ("organisation", "north")]
)
def test_a_planted_bias_is_caught_ten_times_of_ten(attribute: str, value: str) -> None:
    for seed in range(10):
        one = world(seed)
        gates = verdicts(subgroups(one, worse(one.ranks, one.of(attribute, value), seed)))
        assert gates[f"subgroup: {attribute} {value}, against the running model"] == FAILED
        assert gates[f"subgroup: {attribute} {value}, against the others"] == FAILED


def test_an_unbiased_twin_passes_ten_times_of_ten() -> None:
    for seed in range(10):
        one = world(seed)
        gates = [
            *accuracy_gates(one.ranks, one.resampled, LIMITS),
            *subgroups(one, one.ranks),
            *stratum_gates(one.ranks, {"a": one.of("sex", "male")}, one.resampled, LIMITS),
        ]
        assert overall(gates) == PASSED, [gate.reason for gate in gates if gate.verdict != PASSED]


def test_a_bias_that_the_running_model_has_too_is_found_among_the_others() -> None:
    one = world(3)
    biased = worse(one.ranks, one.of("organisation", "west"), 3).candidate
    gates = verdicts(subgroups(one, Ranks(biased, biased)))
    assert gates["subgroup: organisation west, against the running model"] == PASSED
    assert gates["subgroup: organisation west, against the others"] == FAILED


def test_hard_cases_of_one_organisation_are_no_bias() -> None:
    one = world(4)
    assert overall(subgroups(one, one.ranks)) == PASSED
    blind = subgroup_gates(one.ranks, one.attributes, ["same"] * len(one.groups), one.resampled, LIMITS)
    assert verdicts(blind)["subgroup: organisation north, against the others"] == FAILED


def test_few_cases_never_pass() -> None:
    one = world(5, n=120)
    gates = verdicts(subgroups(one, one.ranks))
    assert gates["subgroup: age 65+, against the running model"] == INSUFFICIENT
    same = worse(one.ranks, one.of("age", "65+"), 5, share=1.0)
    assert verdicts(subgroups(one, same))["subgroup: age 65+, against the running model"] == INSUFFICIENT
    nowhere = subgroup_gates(
        one.ranks, {"age": [None] * 120, "organisation": [None] * 120}, one.difficulty, one.resampled, LIMITS
    )
    assert set(verdicts(nowhere).values()) == {INSUFFICIENT}
    assert "subgroup: organisation" in verdicts(nowhere)
    few = world(5, n=40)
    assert {gate.verdict for gate in accuracy_gates(few.ranks, few.resampled, LIMITS)} == {INSUFFICIENT}


def test_cases_of_few_publications_are_few_cases() -> None:
    one = replace(world(6), groups=[f"PMID:{i % 5}" for i in range(1800)])
    assert set(verdicts(subgroups(one, one.ranks)).values()) == {INSUFFICIENT}


def test_a_lower_accuracy_fails_and_a_higher_one_does_not() -> None:
    one = world(7)
    every = np.ones(1800, bool)
    lost = accuracy_gates(worse(one.ranks, every, 7, 0.3), one.resampled, LIMITS)
    assert {gate.verdict for gate in lost} == {FAILED}
    better = Ranks(one.ranks.running, worse(one.ranks, every, 7, 0.3).candidate)
    assert overall(accuracy_gates(better, one.resampled, LIMITS)) == PASSED
    nothing = Ranks(one.ranks.running, one.ranks.running)
    (top1, *_) = accuracy_gates(nothing, one.resampled, LIMITS)
    assert (top1.figure, top1.interval, top1.verdict) == (0.0, (0.0, 0.0), PASSED)


def test_a_diagnosis_that_is_no_candidate_any_more_is_a_loss() -> None:
    one = world(7)
    gone = replace(one.ranks, candidate=np.where(one.of("sex", "male"), np.inf, one.ranks.candidate))
    assert {gate.verdict for gate in accuracy_gates(gone, one.resampled, LIMITS)} == {FAILED}


def test_one_stratum_that_loses_fails_though_the_whole_gains() -> None:
    one = world(8)
    rare = np.array(one.difficulty) == "hard"
    ranks = worse(replace(one.ranks, candidate=np.where(rare, one.ranks.running, 1.0)), rare, 8)
    assert overall(accuracy_gates(ranks, one.resampled, LIMITS)) == PASSED
    gates = verdicts(stratum_gates(ranks, {"rare": rare, "common": ~rare}, one.resampled, LIMITS))
    assert gates == {"stratum: rare": FAILED, "stratum: common": PASSED}


def test_a_model_that_needs_every_finding_fails() -> None:
    one = world(9)
    every = np.ones(1800, bool)
    fragile = worse(one.ranks, every, 9, 0.2)
    gates = verdicts(
        robustness_gates(
            one.ranks, {"loses findings": fragile, "gains noise": one.ranks}, one.resampled, LIMITS
        )
    )
    assert gates == {"robustness: loses findings": FAILED, "robustness: gains noise": PASSED}
    both_fall = Ranks(fragile.candidate, fragile.candidate)
    same = Ranks(one.ranks.candidate, one.ranks.candidate)
    assert overall(robustness_gates(same, {"x": both_fall}, one.resampled, LIMITS)) == PASSED


def test_probabilities_that_mean_something_else_fail() -> None:
    random = np.random.default_rng(10)
    stated = random.random(1500)
    resampled = Resampled([str(i // 3) for i in range(1500)])
    honest = calibration_gate(stated, random.random(1500) < stated, resampled, LIMITS)
    assert honest.verdict == PASSED
    assert honest.interval is not None
    assert honest.figure is not None
    assert honest.interval[0] <= honest.figure <= honest.interval[1]
    vain = calibration_gate(stated, random.random(1500) < stated * 0.7, resampled, LIMITS)
    assert vain.verdict == FAILED
    few = calibration_gate(stated[:30], stated[:30] > 0.5, Resampled([str(i) for i in range(30)]), LIMITS)
    assert few.verdict == INSUFFICIENT


def test_parity_latency_and_memory() -> None:
    assert parity_gate(1e-7, 50, 50, LIMITS).verdict == PASSED
    assert parity_gate(1e-3, 50, 50, LIMITS).verdict == FAILED
    assert parity_gate(1e-7, 49, 50, LIMITS).verdict == FAILED
    assert parity_gate(None, 0, 0, LIMITS).verdict == INSUFFICIENT
    slow_at_times = [5.0] * 980 + [400.0] * 20
    gates = verdicts(latency_gates({1: [5.0] * 1000, 50: slow_at_times, 9: [5.0] * 20}, LIMITS))
    assert list(gates.values()) == [PASSED, FAILED, INSUFFICIENT]
    assert memory_gate(300, LIMITS).verdict == PASSED
    assert memory_gate(3000, LIMITS).verdict == FAILED
    assert memory_gate(None, LIMITS).verdict == INSUFFICIENT


def test_only_passed_gates_pass() -> None:
    gate = Gate("a", PASSED, 1.0, None, 0.0, 1, "")
    doubt, failure = replace(gate, verdict=INSUFFICIENT), replace(gate, verdict=FAILED)
    assert overall([gate, gate]) == PASSED
    assert overall([gate, doubt]) == INSUFFICIENT
    assert overall([gate, doubt, failure]) == FAILED
    assert overall([]) == INSUFFICIENT


def test_ages_fall_into_their_bands() -> None:
    ages = (None, 0.0, 0.99, 1.0, 17.9, 18.0, 64.9, 65.0, 120.0)
    assert [age_band(a) for a in ages] == [None, "<1", "<1", "1-17", "1-17", "18-64", "18-64", "65+", "65+"]


def test_holm_by_hand() -> None:
    # 3 * .01, 2 * .02, then the larger of both and 1 * .03
    assert holm([0.03, 0.01, 0.02]).tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert holm([]).tolist() == []
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_thresholds_can_be_replaced_by_name_only(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    path.write_text('{"ece": 0.05}')
    assert read_thresholds(path) == replace(LIMITS, ece=0.05)
    assert read_thresholds(None) == LIMITS
    for wrong in ({"ecee": 1}, {"ece": "much"}, {"ece": True}, {"ece": -1}, {"ece": float("nan")}):
        with pytest.raises(ThresholdError):
            thresholds_of(wrong)
    path.write_text("[1]")
    with pytest.raises(ThresholdError, match="an object"):
        read_thresholds(path)
    path.write_text("{")
    with pytest.raises(ThresholdError, match="JSON"):
        read_thresholds(path)
