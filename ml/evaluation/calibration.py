"""Whether probabilities mean what they say."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

N_BINS = 10


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float | None:
    """Mean |accuracy - confidence| over ten bins of equal width, weighted by cases (Guo et al. 2017, section 2).

    `confidence` is the probability of the first place, `correct` whether it is the diagnosis.
    """
    if not len(confidence):
        return None
    which = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    error = np.bincount(which, correct, N_BINS) - np.bincount(which, confidence, N_BINS)
    return float(np.abs(error).sum() / len(confidence))


def fit_temperature(scores: Sequence[NDArray[np.float64]], truth: Sequence[int]) -> float:
    """The temperature under which the diagnoses are most probable (minimal negative log likelihood).

    `scores[i]` holds the scores of case i, of all candidates or of the best ones with the diagnosis among them.
    """

    def loss(log_temperature: float) -> float:
        t = np.exp(log_temperature)
        return float(np.mean([logsumexp(s / t) - s[i] / t for s, i in zip(scores, truth, strict=True)]))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.2), np.log(20.0)), method="bounded").x))
