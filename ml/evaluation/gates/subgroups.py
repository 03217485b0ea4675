"""Whether the candidate serves one group of patients worse: than before, and than the others."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.gates.checks import Ranks
from ml.evaluation.gates.outcome import INSUFFICIENT, Gate
from ml.evaluation.gates.resampling import Claim, Estimate, Floats, Resampled, judge
from ml.evaluation.gates.thresholds import Thresholds

# every release is asked about these, also where it has no case of them
SEXES = ("female", "male")
AGE_BANDS = ("<1", "1-17", "18-64", "65+")


def age_band(age_years: float | None) -> str | None:
    """The band of an age in years; None where it is not known."""
    if age_years is None:
        return None
    return AGE_BANDS[int(np.searchsorted((1, 18, 65), age_years, side="right"))]


def subgroup_gates(
    ranks: Ranks,
    attributes: Mapping[str, Sequence[str | None]],
    difficulty: Sequence[str],
    resampled: Resampled,
    limits: Thresholds,
) -> list[Gate]:
    """Two gates for each value of each attribute: [n] values, None where it is not known.

    The first compares the candidate with the running model on the cases of the subgroup, which finds what a release
    makes worse. The second compares the candidate's top-10 on the subgroup with that on the other cases for which the
    attribute is known, within classes of `difficulty` [n], which also finds what was unequal before (equal opportunity:
    Hardt, Price and Srebro 2016, arXiv:1610.02413). All tests of a kind are corrected together (Holm).
    """
    new, old = ranks.hits()
    losses, gaps = [], []
    for attribute, values in attributes.items():
        value_of = np.array(["" if value is None else value for value in values], dtype=str)
        known = value_of != ""
        for value in _values(attribute, value_of[known].tolist()):
            member = value_of == value
            name, n = f"{attribute} {value}", int(member.sum())
            losses.append(
                Claim(
                    f"subgroup: {name}, against the running model", resampled.mean(new - old, member),
                    limits.subgroup_loss, n, f"top-10 of {name} against the running model",
                )
            )  # fmt: skip
            gaps.append(
                Claim(
                    f"subgroup: {name}, against the others",
                    _standardised_gap(new, member, known & ~member, difficulty, resampled),
                    limits.subgroup_gap, n, f"top-10 of {name} against others of the same difficulty",
                )
            )  # fmt: skip
    unnamed = [
        Gate(f"subgroup: {attribute}", INSUFFICIENT, None, None, -limits.subgroup_loss, 0,
             f"no case says its {attribute}")
        for attribute, values in attributes.items() if not any(values)
    ]  # fmt: skip
    return judge(losses, limits) + judge(gaps, limits) + unnamed


def _values(attribute: str, found: Sequence[str]) -> Sequence[str]:
    if attribute == "sex":
        return SEXES
    return AGE_BANDS if attribute == "age" else sorted(set(found))


def _standardised_gap(
    hit: Floats,
    member: NDArray[np.bool_],
    other: NDArray[np.bool_],
    difficulty: Sequence[str],
    resampled: Resampled,
) -> Estimate | None:
    """The Mantel-Haenszel difference of shares over classes of difficulty (Greenland and Robins 1985, Biometrics
    41:55-68): a class counts by how many cases it has on both sides, one without counterpart for nothing."""
    names, which = np.unique(np.array(difficulty, dtype=str), return_inverse=True)
    n, classes = len(hit), len(names)
    columns = np.zeros((n, 4, classes))
    for k, column in enumerate((member, member * hit, other, other * hit)):
        columns[np.arange(n), k, which] = column

    def gap(sums: Floats) -> Floats:
        n_in, hits_in, n_out, hits_out = np.moveaxis(sums.reshape(*sums.shape[:-1], 4, classes), -2, 0)
        both = n_in + n_out
        inverse = np.divide(1, both, out=np.zeros_like(both), where=both > 0)
        difference = (hits_in * n_out - hits_out * n_in) * inverse
        return np.asarray(difference.sum(axis=-1) / (n_in * n_out * inverse).sum(axis=-1))

    return resampled.estimate(columns.reshape(n, -1), gap, member | other, size=member)
