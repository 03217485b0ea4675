"""Thresholds of the served model that published cases teach: sets, sufficiency of findings, two diseases."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.calibration import FitCases, weighted_quantile
from ml.training.reliability import EVIDENCE, Reliability

COVERAGES = (0.8, 0.9)
# intervals of the first disease's probability
SET_EDGES = (0.15, 0.4, 0.75)
# a stratum with fewer publications than that takes the threshold of its interval over all evidence, or of all
_LEAST_WEIGHT = 25.0
# of quantiles that are tried, ascending; at 1 every disease is in the set
_LEVELS = tuple(k / 200 for k in range(80, 201))
FALSE_PAIRS = 0.05
_PAIR_FINDINGS = (4, 6, 9, 13, 20)
_N_BINS = 25
# of cases, the share whose most specific finding still fits more diseases than `specific`
_MOST_GENERAL = 0.05

Array = NDArray[np.float64]


def set_limits(cases: FitCases, weights: Array, reliability: Reliability) -> dict[str, Any]:
    """`ml.serving.sets.SetLimits`: weighted split-conformal quantiles per stratum.

    Publications are the exchangeable unit: with weights 1 / (cases of the publication), the quantile is that of the
    pooled distribution over publications (Dunn, Wasserman and Ramdas 2022, doi:10.1080/01621459.2022.2060112). One
    unit of the largest nonconformity stands for the patient to come.

    The first disease always is in the set, and where it is very probable it alone holds more than `coverage`. So the
    level of the quantiles is chosen for each evidence: the least at which the sets of all its intervals together hold
    `coverage` of its publications (nested sets: Gupta, Kuchibhotla and Ramdas 2022, doi:10.1016/j.patcog.2021.108496).
    """
    first, truth = cases.conditional(reliability)
    interval = np.digitize(first, SET_EDGES)
    described = cases.described & (weights > 0)
    least: dict[str, list[list[float]]] = {f"{coverage:g}": [] for coverage in COVERAGES}
    for evidence in range(len(EVIDENCE)):
        own = _enough(weights, described & (cases.evidence == evidence), described)
        parts = [
            _enough(weights, own & (interval == k), described & (interval == k), described)
            for k in range(len(SET_EDGES) + 1)
        ]
        for coverage in COVERAGES:
            wanted = coverage * (weights[own].sum() + 1.0)
            for level in _LEVELS:
                row = [_least(truth[part], weights[part], level) for part in parts]
                held = (truth >= np.array(row)[interval]) | (cases.truth == 0)
                if weights[own & held].sum() >= wanted:
                    break
            least[f"{coverage:g}"].append(row)
    return {"edges": list(SET_EDGES), "least": least}


def _enough(weights: Array, *candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The first of some choices that weighs enough, or the last."""
    return next((c for c in candidates if weights[c].sum() >= _LEAST_WEIGHT), candidates[-1])


def _least(truth: Array, weights: Array, coverage: float) -> float:
    # nobody knows the patient to come: he counts as one publication that no set would hold
    values, weight = np.append(-truth, 0.0), np.append(weights, 1.0)
    return float(f"{max(0.0, -weighted_quantile(values, weight, coverage)):.4g}")


def sufficiency_limits(
    information: Array, most: Array, explained: Array, hit: Array, described: NDArray[np.bool_],
    whole: NDArray[np.bool_], weights: Array,
) -> dict[str, float]:  # fmt: skip
    """`ml.serving.sufficiency.Limits` from cases with all (`whole`) and with a random part of their findings.

    `hit`: the diagnosis is among the first ten. Between the share of hits without any finding and that of the better
    informed half, `enough` stands where three quarters are reached.
    """
    known = described.astype(bool)
    nothing = known & (information < 1e-3)
    rest = known & ~nothing
    base = _mean(hit[nothing], weights[nothing]) if nothing.any() else 0.0
    edges = [weighted_quantile(information[rest], weights[rest], k / _N_BINS) for k in range(1, _N_BINS)]
    bins = np.digitize(information, edges)
    rates = np.array(
        [_mean(hit[m], weights[m]) if (m := rest & (bins == k)).any() else base for k in range(_N_BINS)]
    )
    plateau = float(rates[_N_BINS // 2 :].mean())
    smooth = np.maximum.accumulate(rates)
    enough = edges[min(len(edges) - 1, int((smooth < base + 0.75 * (plateau - base)).sum()))]
    full = known & whole & (information >= enough)
    share = np.divide(explained, information, out=np.ones_like(explained), where=information > 0)
    order = np.argsort(share[full], kind="stable")
    so_far = np.cumsum((hit * weights)[full][order]) / np.cumsum(weights[full][order])
    below = np.flatnonzero(so_far <= 0.5 * _mean(hit[full], weights[full]))
    return {
        "enough": round(float(enough), 2),
        "specific": round(weighted_quantile(most[rest & whole], weights[rest & whole], _MOST_GENERAL), 2),
        "explained": round(float(share[full][order][below[-1]]), 3) if len(below) else 0.0,
    }


def _mean(values: Array, weights: Array) -> float:
    return float((values * weights).sum() / weights.sum())


def pair_limits(findings: Sequence[int], gains: Sequence[float], weights: Sequence[float]) -> dict[str, Any]:
    """`ml.serving.pairs.PairLimit`: in each interval of numbers of findings, the gain that `FALSE_PAIRS` of cases with
    one disease exceed. The last holds for more findings too, growing with them."""
    n, gain, weight = (np.array(values, float) for values in (findings, gains, weights))
    interval = np.digitize(n, _PAIR_FINDINGS)
    points = [
        (float(n[m].mean()), weighted_quantile(gain[m], weight[m], 1 - FALSE_PAIRS))
        for k in range(1, len(_PAIR_FINDINGS) + 1)
        if (m := interval == k).sum() >= 1
    ]
    if not points:
        points = [(float(_PAIR_FINDINGS[0]), 1e9)]
    last = points[-1]
    points.append((10 * last[0], 10 * last[1]))
    rising = np.maximum.accumulate([max(t, 0.0) for _, t in points])
    return {"findings": [round(f, 2) for f, _ in points], "threshold": [round(float(t), 2) for t in rising]}
