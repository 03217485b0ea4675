"""Whether probabilities mean what they say, and the reliability that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from ml.training.reliability import Observed, Reliability

N_BINS = 10
# assumed share of patients whose disease the model cannot know, because nothing describes it; in published cases it is
# what a release has not caught up with, and in a clinic nobody knows it
NONE_SHARE = 0.1
# a case of ten with a diagnosis thousands of places down shall not decide alone
_NOISE = 0.02
_FIRST, _GROUPS = 60, 40
_RIDGE = 1e-4
# of the surprise at whether the first place is right, beside that at the diagnosis: the first is what is read
_FIRST_WEIGHT = 1.0
_LEAST_FIRST = 1e-6


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float | None:
    """Mean |accuracy - confidence| over ten bins of equal width, weighted by cases (Guo et al. 2017, section 2).

    `confidence` is the probability of the first place, `correct` whether it is the diagnosis.
    """
    if not len(confidence):
        return None
    which = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    error = np.bincount(which, correct, N_BINS) - np.bincount(which, confidence, N_BINS)
    return float(np.abs(error).sum() / len(confidence))


def reliability_table(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> list[dict[str, float | int]]:
    """Per bin of stated probability: cases, mean stated, share that was right."""
    which = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    return [
        {
            "from": k / N_BINS,
            "n": int((which == k).sum()),
            "stated": float(confidence[which == k].mean()),
            "right": float(correct[which == k].mean()),
        }
        for k in range(N_BINS)
        if (which == k).any()
    ]


@dataclass(frozen=True)
class ListedCase:
    """One case as calibration needs it: the differences of its best scores from the best of all, each standing for
    `count` diseases; that of the diagnosis, or None where no candidate is it; and what can be seen of the list."""

    difference: NDArray[np.float64]
    count: NDArray[np.float64]
    truth: float | None
    seen: Observed


def listed_case(scores: NDArray[np.float64], truth: int | None, seen: Observed) -> ListedCase:
    """The best scores as they are, the others in groups of neighbours."""
    best = scores.max()
    ordered = np.sort(scores)[::-1] - best
    parts = np.array_split(ordered[_FIRST:], _GROUPS) if len(ordered) > _FIRST + _GROUPS else []
    first = ordered if not parts else ordered[:_FIRST]
    difference = np.concatenate([first, [part.mean() for part in parts]])
    count = np.concatenate([np.ones(len(first)), [len(part) for part in parts]])
    padding = _FIRST + _GROUPS - len(difference)
    return ListedCase(
        np.pad(difference, (0, max(0, padding)), constant_values=-1e6),
        np.pad(count, (0, max(0, padding))),
        None if truth is None else float(scores[truth] - best),
        seen,
    )


class FitCases:
    """Some cases as arrays, for fitting."""

    def __init__(self, cases: Sequence[ListedCase]) -> None:
        self.difference = np.stack([case.difference for case in cases])
        self.count = np.stack([case.count for case in cases])
        self.described = np.array([case.truth is not None for case in cases])
        self.truth = np.array([0.0 if case.truth is None else case.truth for case in cases])
        self.log_n = np.log([max(case.seen.n, 1) for case in cases])
        self.evidence = np.array([case.seen.evidence for case in cases])
        self.features = np.array([case.seen.features for case in cases])

    def temperature(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each case; `parameters` are log scale, power and the shifts of the second and third evidence."""
        shift = np.array([0.0, parameters[2], parameters[3]])
        return np.asarray(np.exp(parameters[0] + parameters[1] * self.log_n + shift[self.evidence]))

    def loss(self, parameters: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
        """Weighted mean surprise at the diagnoses, and at whether the first place is right, with a ridge.

        `parameters` are those of `temperature`, then of none of these: four features, and the shifts of the second
        and third evidence.
        """
        temperature = self.temperature(parameters)
        total = (self.count * np.exp(self.difference / temperature[:, None])).sum(axis=1)
        shift = np.array([0.0, *parameters[8:]])
        none = expit(self.features @ parameters[4:8] + shift[self.evidence])
        probability = np.where(self.described, (1 - none) * np.exp(self.truth / temperature) / total, none)
        n_candidates = float(self.count[0].sum())
        surprise = -np.log((1 - _NOISE) * probability + _NOISE / n_candidates)
        first = np.clip((1 - none) / total, _LEAST_FIRST, 1 - _LEAST_FIRST)
        right = self.described & (self.truth == 0)
        surprise -= _FIRST_WEIGHT * np.log(np.where(right, first, 1 - first))
        return float((weights * surprise).sum() / weights.sum() + _RIDGE * (parameters**2).sum())

    def conditional(self, reliability: Reliability) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probability of the first place and of the diagnosis, given that it is a candidate."""
        parameters = np.array([np.log(reliability.scale), reliability.power, *reliability.evidence[1:]])
        temperature = self.temperature(parameters)
        total = (self.count * np.exp(self.difference / temperature[:, None])).sum(axis=1)
        return 1 / total, np.exp(self.truth / temperature) / total


def fit_reliability(cases: FitCases, weights: NDArray[np.float64]) -> Reliability:
    """The reliability under which the diagnoses are most probable.

    Cases without a described diagnosis together weigh `NONE_SHARE` of all.
    """
    has_none = bool((~cases.described).any())
    scaled = weights.copy()
    if has_none:
        wanted = NONE_SHARE / (1 - NONE_SHARE) * weights[cases.described].sum()
        scaled[~cases.described] *= wanted / weights[~cases.described].sum()
    start = np.array([0.0, 0.5, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    found = minimize(cases.loss, start, args=(scaled,), method="L-BFGS-B", options={"maxiter": 100}).x
    scale, power, many, cases_shift = (round(float(v), 4) for v in (np.exp(found[0]), *found[1:4]))
    none: Any = tuple(round(float(v), 4) for v in found[4:8])
    many_none, cases_none = (round(float(v), 4) for v in found[8:])
    return Reliability(scale, power, (0.0, many, cases_shift), none, (0.0, many_none, cases_none))


def weighted_quantile(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """The least value that at least `share` of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(reached, share - 1e-12)), len(values) - 1)])
