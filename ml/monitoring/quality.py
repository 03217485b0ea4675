"""Whether the list still holds the diagnosis as often, for all and for each group of patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import fisher_exact, ttest_ind

from ml.evaluation.calibration import expected_calibration_error
from ml.evaluation.gates.subgroups import AGE_BANDS, SEXES, age_band
from ml.monitoring.checks import Check, Limits, Measured, judge
from ml.monitoring.records import PredictionRecord

Window = Sequence[PredictionRecord]


@dataclass(frozen=True, slots=True)
class Quality:
    """How often the list held the diagnosis in one group of `n` confirmed cases; None where `n` is too small to say.

    `calibration` is the expected calibration error of the first place.
    """

    group: str
    n: int
    top_1: float | None
    top_10: float | None
    calibration: float | None


def live_quality(current: Window, limits: Limits | None = None) -> list[Quality]:
    """Of everybody, and of each group of patients, as far as diagnoses are confirmed."""
    limits = limits or Limits()
    confirmed = [r for r in current if r.outcome is not None and r.head]
    groups = [("everybody", confirmed)]
    groups += [(name, list(filter(belongs, confirmed))) for name, belongs in _subgroups(confirmed)]
    return [_quality(name, records, limits) for name, records in groups]


def _quality(group: str, records: Window, limits: Limits) -> Quality:
    n = len(records)
    if n < limits.least_outcomes:
        return Quality(group, n, None, None, None)
    stated, right = np.array([r.head[0][1] for r in records]), np.array([r.hit(1) for r in records])
    top_10 = sum(record.hit(10) for record in records) / n
    return Quality(group, n, float(right.mean()), top_10, expected_calibration_error(stated, right))


def outcome_checks(reference: Window, current: Window, limits: Limits | None = None) -> list[Check]:
    """Predictions with a confirmed disease, against those of the reference, as one family of tests."""
    limits = limits or Limits()
    before, now = ([r for r in w if r.outcome is not None and r.head] for w in (reference, current))
    tests = [_top("everybody", k, before, now, limits) for k in (1, 10)]
    tests.append(_calibration(before, now, limits))
    for name, belongs in _subgroups(now):
        tests.append(_top(name, 10, list(filter(belongs, before)), list(filter(belongs, now)), limits))
    return judge(tests, limits.alpha)


def _subgroups(current: Window) -> list[tuple[str, Callable[[PredictionRecord], bool]]]:
    organisations = sorted({record.organisation for record in current if record.organisation is not None})
    return [
        *((f"sex {sex}", partial(_is_of, "sex", sex)) for sex in SEXES),
        *((f"age {band}", partial(_is_of, "age", band)) for band in AGE_BANDS),
        *((f"organisation {name}", partial(_is_of, "organisation", name)) for name in organisations),
    ]


def _is_of(attribute: str, value: str, record: PredictionRecord) -> bool:
    if attribute == "age":
        return age_band(record.age_years) == value
    return value == (record.sex if attribute == "sex" else record.organisation)


def _top(who: str, k: int, before: Window, now: Window, limits: Limits) -> Measured:
    """Fisher's exact test, one-sided: only a loss is an alarm. The figure is the loss."""
    name = f"outcomes: top-{k} of {who}"
    if min(len(before), len(now)) < limits.least_outcomes:
        return _too_few(name, before, now, limits.least_share, limits)
    hits_before, hits_now = (sum(record.hit(k) for record in window) for window in (before, now))
    table = [[hits_now, len(now) - hits_now], [hits_before, len(before) - hits_before]]
    share_now, share_before = hits_now / len(now), hits_before / len(before)
    what = f"{share_now:.1%} of {len(now)} have their disease in the first {k}, {share_before:.1%} in the reference"
    p = float(fisher_exact(table, alternative="less").pvalue)
    return Measured(name, share_before - share_now, p, limits.least_share, what)


def _calibration(before: Window, now: Window, limits: Limits) -> Measured:
    """Welch's t-test of stated probability minus whether the first place was right: has confidence outrun accuracy?"""
    name = "outcomes: calibration"
    if min(len(before), len(now)) < limits.least_outcomes:
        return _too_few(name, before, now, limits.least_shift, limits)
    stated, right = np.array([r.head[0][1] for r in now]), np.array([r.hit(1) for r in now])
    excess_now = stated - right
    excess_before = np.array([r.head[0][1] - r.hit(1) for r in before])
    moved = float(excess_now.mean() - excess_before.mean())
    p = float(ttest_ind(excess_now, excess_before, equal_var=False).pvalue)
    error = expected_calibration_error(stated, right)
    what = (
        f"stated exceeds right by {excess_now.mean():+.3f}, {excess_before.mean():+.3f} in the reference; "
        f"calibration error {error:.3f}"
    )
    return Measured(name, abs(moved), p, limits.least_shift, what)


def _too_few(name: str, before: Window, now: Window, least: float, limits: Limits) -> Measured:
    what = (
        f"{len(before)} and {len(now)} outcomes; at least {limits.least_outcomes} on each side were expected"
    )
    return Measured(name, None, None, least, what)
