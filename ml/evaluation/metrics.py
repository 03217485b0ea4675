"""Measures over ranks. Ranks count from 1 over all candidates; among equal scores a case gets the mean place."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOPS = (1, 3, 5, 10)
STRATA = ("0", "1-4", "5+")
_RESAMPLES = 1000


def rank_of(scores: NDArray[np.float64], candidate: int) -> float:
    """1 + candidates with a higher score + half of those with the same score."""
    own = scores[candidate]
    return float(1 + (scores > own).sum() + ((scores == own).sum() - 1) / 2)


def stratum_of(n_training_cases: int) -> str:
    """The stratum of BENCHMARKS for a number of training cases of the true disease."""
    return STRATA[0] if n_training_cases == 0 else STRATA[1] if n_training_cases < 5 else STRATA[2]


def summary(ranks: NDArray[np.float64], truth: Sequence[str]) -> dict[str, Any]:
    """Top-k accuracies, mean reciprocal rank, and top-10 as a mean over diseases; None where there is no case."""
    if not len(ranks):
        return {"n": 0} | {f"top{k}": None for k in TOPS} | {"mrr": None, "macro_top10": None}
    names, disease = np.unique(np.array(truth), return_inverse=True)
    per_disease = np.bincount(disease, ranks <= 10) / np.bincount(disease)
    return (
        {"n": len(ranks)}
        | {f"top{k}": float((ranks <= k).mean()) for k in TOPS}
        | {
            "mrr": float((1 / ranks).mean()),
            "macro_top10": float(per_disease.mean()),
            "n_diseases": len(names),
        }
    )


def publication_intervals(
    ranks: NDArray[np.float64], publications: Sequence[str], seed: int = 20261123
) -> dict[str, list[float]]:
    """95 % bootstrap intervals of the accuracies, resampling publications, whose cases resemble each other."""
    if not len(ranks):
        return {}
    names, group = np.unique(np.array(publications), return_inverse=True)
    size = np.bincount(group)
    drawn = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), _RESAMPLES
    )
    intervals = {}
    for k in TOPS:
        accuracy = (drawn @ np.bincount(group, ranks <= k)) / (drawn @ size)
        intervals[f"top{k}"] = [float(q) for q in np.quantile(accuracy, [0.025, 0.975])]
    return intervals


def wilson(successes: int, n: int, z: float = 1.959964) -> list[float]:
    """The 95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    share = successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return [float(middle - half), float(middle + half)]
