"""Whether the input and what the model says of it moved between two windows of predictions."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp

from ml.monitoring.checks import Check, Limits, Measured, judge
from ml.monitoring.records import PredictionRecord

Window = Sequence[PredictionRecord]

_PERMUTATIONS, _BATCH, _ENOUGH_EXCEEDING = 999, 111, 20
_SEED = 20261201
# a finding of fewer patients in both windows together tells nothing, and most findings of HPO are such
_LEAST_PATIENTS = 5
_SEXES = ("female", "male", "other")


def drift_checks(reference: Window, current: Window, limits: Limits | None = None) -> list[Check]:
    """Input, its quality and the scores of two windows, as one family of tests (docs/adr/0045)."""
    limits = limits or Limits()
    tests = [
        _findings(reference, current, limits),
        _distribution("ages", reference, current, lambda record: record.age_years, limits),
        _sexes(reference, current, limits),
        _distribution("number of findings", reference, current, _n_findings, limits),
        _distribution("probability of the first disease", reference, current, _first, limits),
        _distribution("probability of none of these", reference, current, _none, limits),
        _share("with an unknown id", reference, current, lambda record: bool(record.unknown), limits),
        _share("with a replaced id", reference, current, lambda record: record.replaced > 0, limits),
        _share(
            "with an uncertain finding", reference, current, lambda record: bool(record.uncertain), limits
        ),
        _share("without an age", reference, current, lambda record: record.age_years is None, limits),
        _share("without a sex", reference, current, lambda record: record.sex not in _SEXES, limits),
    ]
    return judge(tests, limits.alpha)


def _n_findings(record: PredictionRecord) -> float:
    return float(sum(map(len, (record.present, record.absent, record.uncertain, record.unknown))))


def _first(record: PredictionRecord) -> float | None:
    return record.head[0][1] if record.head else None


def _none(record: PredictionRecord) -> float | None:
    return record.none_of_these


def _too_few(name: str, before: int, now: int, least: float, limits: Limits) -> Measured:
    what = f"{before} and {now} predictions; at least {limits.least_predictions} on each side were expected"
    return Measured(name, None, None, least, what)


def _distribution(
    name: str,
    reference: Window,
    current: Window,
    value: Callable[[PredictionRecord], float | None],
    limits: Limits,
) -> Measured:
    """Two-sample Kolmogorov-Smirnov: no bins to choose. Equal values make its p-value too large, never too small
    (Noether 1963, Metrika 7)."""
    before, now = ([v for v in map(value, window) if v is not None] for window in (reference, current))
    if min(len(before), len(now)) < limits.least_predictions:
        return _too_few(f"drift: {name}", len(before), len(now), limits.least_shift, limits)
    result = ks_2samp(before, now, method="asymp")
    what = (
        f"{name}: median {np.median(now):.3g}, {np.median(before):.3g} in the reference; the distributions are "
        f"{result.statistic:.3f} apart"
    )
    return Measured(f"drift: {name}", float(result.statistic), float(result.pvalue), limits.least_shift, what)


def _sexes(reference: Window, current: Window, limits: Limits) -> Measured:
    """Pearson's chi-square over the known sexes; the figure is half the sum of the differences of the shares."""
    counts = np.array(
        [[sum(r.sex == sex for r in window) for sex in _SEXES] for window in (reference, current)]
    )
    n = counts.sum(axis=1)
    if n.min() < limits.least_predictions:
        return _too_few("drift: sex", int(n[0]), int(n[1]), limits.least_shift, limits)
    # a sex of a handful of patients would spoil the approximation
    used = counts[:, counts.sum(axis=0) * n.min() / n.sum() >= _LEAST_PATIENTS]
    p = float(chi2_contingency(used, correction=False).pvalue) if used.shape[1] > 1 else 1.0
    shares = counts / n[:, None]
    figure = float(np.abs(shares[1] - shares[0]).sum() / 2)
    what = f"female {shares[1, 0]:.0%}, {shares[0, 0]:.0%} in the reference"
    return Measured("drift: sex", figure, p, limits.least_shift, what)


def _share(
    name: str, reference: Window, current: Window, has: Callable[[PredictionRecord], bool], limits: Limits
) -> Measured:
    """Fisher's exact test, since most of these are rare."""
    if min(len(reference), len(current)) < limits.least_predictions:
        return _too_few(f"quality: {name}", len(reference), len(current), limits.least_share, limits)
    before, now = (sum(map(has, window)) for window in (reference, current))
    table = [[before, len(reference) - before], [now, len(current) - now]]
    share_before, share_now = before / len(reference), now / len(current)
    what = f"{share_now:.1%} of predictions are {name}, {share_before:.1%} in the reference"
    return Measured(
        f"quality: {name}", abs(share_now - share_before), float(fisher_exact(table).pvalue),
        limits.least_share, what,
    )  # fmt: skip


def _findings(reference: Window, current: Window, limits: Limits) -> Measured:
    """Whether findings are as frequent as before: a permutation test of the sum of squared standardised differences.

    A patient's findings go together and most findings are rare, so that no table of them has a chi-square distribution;
    dealing whole predictions to the two windows again is exact all the same (Good 2005, Permutation, Parametric and
    Bootstrap Tests of Hypotheses, chapter 3).
    """
    if min(len(reference), len(current)) < limits.least_predictions:
        return _too_few("drift: findings", len(reference), len(current), limits.least_share, limits)
    stated = [set(record.present) for record in (*reference, *current)]
    patients = Counter(finding for findings in stated for finding in findings)
    names = sorted(finding for finding, n in patients.items() if n >= _LEAST_PATIENTS)
    if not names:
        return Measured(
            "drift: findings", None, None, limits.least_share, "no finding is frequent enough to count"
        )
    column = {finding: i for i, finding in enumerate(names)}
    cells = [(row, column[f]) for row, findings in enumerate(stated) for f in findings if f in column]
    rows, columns = zip(*cells, strict=True)
    n, n_now = len(stated), len(current)
    has = csr_array((np.ones(len(cells), np.float32), (rows, columns)), shape=(n, len(names)))
    total = has.sum(axis=0)
    moved = has[n - n_now :].sum(axis=0) / n_now - has[: n - n_now].sum(axis=0) / (n - n_now)
    most = int(np.abs(moved).argmax())
    what = f"{names[most]} moved most: {moved[most]:+.1%} of predictions"
    p = _permutation_p(has, total, n_now)
    return Measured("drift: findings", float(abs(moved[most])), p, limits.least_share, what)


def _permutation_p(has: Any, total: NDArray[np.float32], n_now: int) -> float:
    """`has` [predictions, findings], the last `n_now` rows being the current window; `total` [findings].

    Stops early where p will not be small (Besag and Clifford 1991, doi:10.1093/biomet/78.2.301).
    """
    n = has.shape[0]
    random = np.random.default_rng(_SEED)
    expected, variance = n_now * total / n, total / n * (1 - total / n)
    weight = 1 / np.maximum(variance, 1 / n)

    def statistics(dealt: NDArray[np.float32]) -> NDArray[np.float64]:
        difference = has.T @ dealt - expected[:, None]
        return np.asarray(weight @ difference**2)

    own = statistics((np.arange(n) >= n - n_now).astype(np.float32)[:, None])[0] * (1 - 1e-6)
    exceeding, drawn = 0, 0
    while drawn < _PERMUTATIONS and exceeding < _ENOUGH_EXCEEDING:
        order = random.random((_BATCH, n), np.float32).argpartition(n_now, axis=1)
        dealt = np.zeros((n, _BATCH), np.float32)
        dealt[order[:, :n_now], np.arange(_BATCH)[:, None]] = 1
        exceeding += int((statistics(dealt) >= own).sum())
        drawn += _BATCH
    return (1 + exceeding) / (1 + drawn)
