"""Whether probabilities mean what they say, and the temperature that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

N_BINS = 10
# share of patients whose diagnosis the model cannot know (not described, or not described alike): without it, the
# few diagnoses that stand thousands of places down would decide the temperature alone
NOISE = 0.1
_KEPT = 1500


@dataclass(frozen=True)
class RankedScores:
    """One case: its best scores, descending, the place of the diagnosis among them (or -1), its findings' number."""

    scores: NDArray[np.float64]
    place: int
    n_findings: int
    n_candidates: int


def ranked_scores(scores: NDArray[np.float64], truth: int | None, n_findings: int) -> RankedScores:
    """Keep what calibration needs of a vector of scores; `truth` is None where the diagnosis cannot be found."""
    order = np.argsort(-scores, kind="stable")[:_KEPT]
    hits = np.flatnonzero(order == (-1 if truth is None else truth))
    return RankedScores(scores[order], int(hits[0]) if len(hits) else -1, n_findings, len(scores))


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float | None:
    """Mean |accuracy - confidence| over ten bins of equal width, weighted by cases (Guo et al. 2017, section 2).

    `confidence` is the probability of the first place, `correct` whether it is the diagnosis.
    """
    if not len(confidence):
        return None
    which = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    error = np.bincount(which, correct, N_BINS) - np.bincount(which, confidence, N_BINS)
    return float(np.abs(error).sum() / len(confidence))


def fit_temperature(cases: Sequence[RankedScores]) -> tuple[float, float]:
    """(scale, power) of the temperature scale * n_findings ** power under which the diagnoses are most probable.

    Findings of one patient repeat each other, so that a sum over many of them overstates what is known; the power says
    how much. Minimises the mean negative log likelihood, with a share `NOISE` of diagnoses drawn at random.
    """

    def loss(parameters: NDArray[np.float64]) -> float:
        return float(np.mean([_surprise(case, np.exp(parameters[0]), parameters[1]) for case in cases]))

    found = minimize(loss, np.array([0.0, 0.5]), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5})
    return round(float(np.exp(found.x[0])), 4), round(float(found.x[1]), 4)


def _surprise(case: RankedScores, scale: float, power: float) -> float:
    weights = np.exp((case.scores - case.scores[0]) / (scale * case.n_findings**power))
    probability = weights[case.place] / weights.sum() if case.place >= 0 else 0.0
    return -float(np.log((1 - NOISE) * probability + NOISE / case.n_candidates))


def top_confidence(
    cases: Sequence[RankedScores], temperature: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(probability of the first place, whether it is the diagnosis) of each case."""
    scale, power = temperature
    confidence = [1 / np.exp((c.scores - c.scores[0]) / (scale * c.n_findings**power)).sum() for c in cases]
    return np.array(confidence), np.array([case.place == 0 for case in cases], bool)
