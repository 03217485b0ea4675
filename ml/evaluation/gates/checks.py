"""The gates, on arrays: nothing here knows of bundles or files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.calibration import N_BINS
from ml.evaluation.gates.outcome import FAILED, INSUFFICIENT, PASSED, Gate
from ml.evaluation.gates.resampling import Claim, Floats, Resampled, judge
from ml.evaluation.gates.thresholds import Thresholds

_TOP = 10


@dataclass(frozen=True)
class Ranks:
    """The same n cases ranked by both models: ranks from 1, infinite where the diagnosis is no candidate."""

    candidate: Floats
    running: Floats

    def hits(self) -> tuple[Floats, Floats]:
        """1 where the diagnosis is among the first ten, [n] of the candidate and of the running model."""
        return (self.candidate <= _TOP).astype(float), (self.running <= _TOP).astype(float)


def accuracy_gates(ranks: Ranks, resampled: Resampled, limits: Thresholds) -> list[Gate]:
    """Against the running model on the same cases: the lower end of the difference must not be below -margin.

    Each of three figures must pass, so none is corrected for the others (intersection-union test: Berger 1982,
    Technometrics 24:295-300).
    """
    new, old = ranks.candidate, ranks.running
    differences: dict[str, Floats] = {
        "top-1": np.subtract(new <= 1, old <= 1, dtype=np.float64),
        "top-10": np.subtract(new <= _TOP, old <= _TOP, dtype=np.float64),
        "mrr": np.asarray(1 / new - 1 / old, np.float64),
    }
    everything = np.ones(len(new), bool)
    margin, gates = limits.accuracy_margin, []
    for name, difference in differences.items():
        one = resampled.mean(difference, everything)
        if one is None or one.n < limits.least_cases or one.n_groups < limits.least_groups:
            reason = f"{len(new)} cases; at least {limits.least_cases} of {limits.least_groups} groups were expected"
            gates.append(Gate(f"accuracy: {name}", INSUFFICIENT, None, None, -margin, len(new), reason))
            continue
        low, high = one.interval
        verdict = PASSED if low >= -margin else FAILED
        reason = (
            f"{name} against the running model is {one.figure:+.3f} [{low:+.3f}, {high:+.3f}]: its lower end is "
            f"{'not ' if verdict == PASSED else ''}below -{margin:g}"
        )
        gates.append(Gate(f"accuracy: {name}", verdict, one.figure, one.interval, -margin, one.n, reason))
    return gates


def stratum_gates(
    ranks: Ranks, strata: Mapping[str, NDArray[np.bool_]], resampled: Resampled, limits: Thresholds
) -> list[Gate]:
    """Top-10 against the running model in each stratum: name -> whether a case [n] belongs to it."""
    new, old = ranks.hits()
    return judge(
        [
            Claim(
                f"stratum: {name}", resampled.mean(new - old, member), limits.stratum_margin, int(member.sum()),
                f"top-10 of {name} against the running model",
            )
            for name, member in strata.items()
        ],
        limits,
    )  # fmt: skip


def robustness_gates(
    whole: Ranks, disturbed: Mapping[str, Ranks], resampled: Resampled, limits: Thresholds
) -> list[Gate]:
    """How much further top-10 falls than that of the running model when the findings of the cases are disturbed."""
    new, old = whole.hits()
    everything = np.ones(len(new), bool)
    claims = []
    for name, ranks in disturbed.items():
        other_new, other_old = ranks.hits()
        further = (other_new - new) - (other_old - old)
        claims.append(
            Claim(
                f"robustness: {name}", resampled.mean(further, everything), limits.robustness_margin, len(new),
                f"the change of top-10 when the case {name}, beyond that of the running model,",
            )
        )  # fmt: skip
    return judge(claims, limits)


def calibration_gate(
    confidence: Floats, correct: NDArray[np.bool_], resampled: Resampled, limits: Thresholds
) -> Gate:
    """The calibration error of the first place: `confidence` and whether it is `correct`, [n].

    The interval is the basic bootstrap's (Davison and Hinkley 1997, section 5.2.1), because the error of a resample is
    larger than that of the cases. The error itself is estimated too large, never too small (Kumar, Liang and Ma 2019,
    arXiv:1909.10155), so that it must be within the bound as it is.
    """
    which = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    difference = np.zeros((len(confidence), N_BINS + 1))
    difference[np.arange(len(confidence)), which] = correct - confidence
    difference[:, N_BINS] = 1
    figure, drawn = resampled.values(
        difference, lambda sums: np.abs(sums[..., :N_BINS]).sum(axis=-1) / sums[..., N_BINS]
    )
    n = len(confidence)
    if n < limits.least_cases or resampled.n_groups < limits.least_groups:
        reason = (
            f"{n} cases of {resampled.n_groups} groups; at least {limits.least_cases} of {limits.least_groups} "
            "were expected"
        )
        return Gate("calibration", INSUFFICIENT, None, None, limits.ece, n, reason)
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    interval = (max(0.0, 2 * figure - high), max(0.0, 2 * figure - low))
    verdict = PASSED if figure <= limits.ece else FAILED
    reason = f"stated and true share of right first places differ by {figure:.3f}; at most {limits.ece:g} was expected"
    return Gate("calibration", verdict, figure, interval, limits.ece, n, reason)


def parity_gate(max_difference: float | None, same_top10: int, n: int, limits: Thresholds) -> Gate:
    """Whether the graph computes what the estimator does; None where nothing was compared."""
    if max_difference is None or not n:
        return Gate(
            "parity", INSUFFICIENT, None, None, limits.parity, 0, "graph and estimator were not compared"
        )
    verdict = PASSED if max_difference <= limits.parity and same_top10 == n else FAILED
    reason = (
        f"probabilities of graph and estimator differ by at most {max_difference:.1e} (allowed {limits.parity:g}); the "
        f"first ten are the same in {same_top10} of {n} cases"
    )
    return Gate("parity", verdict, max_difference, None, limits.parity, n, reason)


def latency_gates(milliseconds: Mapping[int, Sequence[float]], limits: Thresholds) -> list[Gate]:
    """The 99th percentile of single predictions: number of findings -> how long each took."""
    gates = []
    for n_findings, taken in milliseconds.items():
        name = f"latency: {n_findings} findings"
        if len(taken) < limits.least_predictions:
            reason = f"{len(taken)} predictions; at least {limits.least_predictions} were expected"
            gates.append(Gate(name, INSUFFICIENT, None, None, limits.p99_ms, len(taken), reason))
            continue
        p99 = float(np.quantile(np.asarray(taken), 0.99))
        verdict = PASSED if p99 <= limits.p99_ms else FAILED
        reason = f"99 of 100 predictions take at most {p99:.1f} ms; {limits.p99_ms:g} ms were expected"
        gates.append(Gate(name, verdict, p99, None, limits.p99_ms, len(taken), reason))
    return gates


def memory_gate(peak_mb: float | None, limits: Thresholds) -> Gate:
    """The most memory that the process held; None where the system does not say."""
    if peak_mb is None:
        return Gate(
            "memory",
            INSUFFICIENT,
            None,
            None,
            limits.peak_mb,
            0,
            "this system does not say how much was held",
        )
    verdict = PASSED if peak_mb <= limits.peak_mb else FAILED
    reason = f"a process holds {peak_mb:.0f} MB at most; {limits.peak_mb:g} MB were expected"
    return Gate("memory", verdict, peak_mb, None, limits.peak_mb, 1, reason)
