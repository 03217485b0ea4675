"""Intervals and tests from cases that come in groups: a publication, a family, a patient with several cases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from ml.evaluation.gates.outcome import FAILED, INSUFFICIENT, PASSED, Gate
from ml.evaluation.gates.thresholds import Thresholds
from ml.evaluation.multiple import holm

RESAMPLES = 1000
_SEED = 20261201

Floats = NDArray[np.float64]
# sums over cases [..., k] -> the figure [...]
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval and what it rests on; `p` is the one-sided p-value of "it is not below 0"."""

    figure: float
    interval: tuple[float, float]
    p: float
    n: int
    n_groups: int


class Resampled:
    """Draws whole groups with replacement, the same draws for every figure, so that figures stay comparable.

    Cases of one group resemble each other; to draw single cases would make intervals too narrow (Davison and Hinkley
    1997, Bootstrap Methods and their Application, section 3.8).
    """

    def __init__(self, groups: Sequence[str]) -> None:
        names, self._group = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        self.n_groups = len(names)
        random = np.random.default_rng(_SEED)
        share = np.full(self.n_groups, 1 / max(self.n_groups, 1))
        self._drawn = random.multinomial(self.n_groups, share, RESAMPLES).astype(np.float64)

    def values(self, columns: Floats, statistic: Statistic) -> tuple[float, Floats]:
        """The figure from the sums of `columns` [cases, k], and that of each resample."""
        sums = np.stack([np.bincount(self._group, column, self.n_groups) for column in columns.T], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = statistic(self._drawn @ sums)
            return float(statistic(sums.sum(axis=0))), drawn[np.isfinite(drawn)]

    def estimate(
        self,
        columns: Floats,
        statistic: Statistic,
        counted: NDArray[np.bool_],
        size: NDArray[np.bool_] | None = None,
    ) -> Estimate | None:
        """The figure of the `counted` cases [n]; None where it cannot be computed. `size`: the cases that make its n.

        p: Student's t with the bootstrap's standard error and one degree of freedom less than groups.
        """
        figure, drawn = self.values(columns * counted[:, None], statistic)
        size = counted if size is None else size
        n_groups = len(np.unique(self._group[size]))
        if not np.isfinite(figure) or n_groups < 2 or len(drawn) < RESAMPLES / 2:
            return None
        error = float(drawn.std())
        p = float(student.cdf(figure / error, n_groups - 1)) if error > 0 else float(figure >= 0)
        low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
        return Estimate(figure, (low, high), p, int(size.sum()), n_groups)

    def mean(self, values: Floats, counted: NDArray[np.bool_]) -> Estimate | None:
        """The mean of `values` [n] over the counted cases."""
        columns = np.stack([values, np.ones(len(values))], axis=1)
        return self.estimate(columns, lambda sums: sums[..., 0] / sums[..., 1], counted)


@dataclass(frozen=True, slots=True)
class Claim:
    """ "This figure is not below -margin": a gate before the other claims of its kind are known."""

    name: str
    estimate: Estimate | None
    margin: float
    n: int
    what: str


def judge(claims: Sequence[Claim], limits: Thresholds) -> list[Gate]:
    """Gates of one kind, judged together.

    Failed: the figure is below -margin, and below 0 after Holm's correction over all claims. Insufficient: too few
    cases or groups, a loss that may be chance, or an interval so wide that one could hide in it. Otherwise passed.
    """
    gates = []
    enough = [claim for claim in claims if _is_enough(claim, limits)]
    adjusted = dict(
        zip((id(claim) for claim in enough), holm([c.estimate.p for c in enough if c.estimate]), strict=True)
    )
    for claim in claims:
        one = claim.estimate
        if one is None or id(claim) not in adjusted:
            groups = 0 if one is None else one.n_groups
            reason = (
                f"{claim.what}: {claim.n} cases of {groups} groups; at least {limits.least_cases} of "
                f"{limits.least_groups} were expected"
            )
            gates.append(Gate(claim.name, INSUFFICIENT, None, None, -claim.margin, claim.n, reason))
            continue
        p, half = adjusted[id(claim)], (one.interval[1] - one.interval[0]) / 2
        shown = f"{claim.what} is {one.figure:+.3f} [{one.interval[0]:+.3f}, {one.interval[1]:+.3f}]"
        if one.figure < -claim.margin and p < limits.alpha:
            verdict, why = FAILED, f"below -{claim.margin:g}, and not by chance (p = {p:.4f} after Holm)"
        elif half > limits.widest_half_interval:
            verdict = INSUFFICIENT
            why = f"known to {half:.3f} only; {limits.widest_half_interval:g} was expected"
        elif one.figure < -claim.margin:
            verdict, why = (
                INSUFFICIENT,
                f"below -{claim.margin:g}, perhaps by chance (p = {p:.4f} after Holm)",
            )
        else:
            verdict, why = PASSED, f"not below -{claim.margin:g}"
        gates.append(
            Gate(claim.name, verdict, one.figure, one.interval, -claim.margin, claim.n, f"{shown}: {why}")
        )
    return gates


def _is_enough(claim: Claim, limits: Thresholds) -> bool:
    one = claim.estimate
    return one is not None and one.n >= limits.least_cases and one.n_groups >= limits.least_groups
