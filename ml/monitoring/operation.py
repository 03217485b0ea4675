"""How old the model is, whether it computes online what it does offline, how fast and how reliably it answers."""

import datetime
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from ml.monitoring.checks import ALARM, INSUFFICIENT, OK, Check, Limits
from ml.monitoring.records import PredictionRecord

Window = Sequence[PredictionRecord]


def staleness_checks(
    now: datetime.date,
    trained: datetime.date | None,
    released: datetime.date | None,
    limits: Limits | None = None,
) -> list[Check]:
    """Days since the model was trained, and since its knowledge was released."""
    limits = limits or Limits()
    return [
        _age("staleness: training", "the model was trained", now, trained, limits.training_days),
        _age("staleness: knowledge", "its knowledge was released", now, released, limits.knowledge_days),
    ]


def _age(name: str, what: str, now: datetime.date, then: datetime.date | None, most: float) -> Check:
    if then is None:
        return Check(name, INSUFFICIENT, None, most, f"nobody says when {what}")
    days = (now - then).days
    return Check(
        name, ALARM if days > most else OK, float(days), most, f"{what} {days} days ago; alarm after {most:g}"
    )


def skew_checks(offline: Window, online: Window, limits: Limits | None = None) -> list[Check]:
    """The same predictions (by id), computed again offline: is the input the same, and the head of the list?

    The input is what the features are made of (`ml.features.encode`): findings by state, age and sex.
    """
    limits = limits or Limits()
    again = {record.id: record for record in offline}
    pairs = [(record, again[record.id]) for record in online if record.id in again]
    if not pairs:
        why = "no prediction was computed again offline"
        return [Check(f"skew: {part}", INSUFFICIENT, None, 0.0, why) for part in ("input", "list")]
    n = len(pairs)
    other_input = sum(_features(one) != _features(two) for one, two in pairs)
    apart = [_apart(one, two) for one, two in pairs]
    other_list = sum(difference > limits.skew for difference in apart)
    return [
        Check(
            "skew: input", ALARM if other_input else OK, other_input / n, 0.0,
            f"{other_input} of {n} predictions have other findings, age or sex offline; none was expected",
        ),
        Check(
            "skew: list", ALARM if other_list else OK, max(apart), limits.skew,
            f"{other_list} of {n} lists differ offline, by {max(apart):.1e} at most; {limits.skew:g} is allowed",
        ),
    ]  # fmt: skip


def _features(record: PredictionRecord) -> tuple[object, ...]:
    states = (frozenset(findings) for findings in (record.present, record.absent, record.uncertain))
    return (*states, record.age_years, record.sex)


def _apart(one: PredictionRecord, two: PredictionRecord) -> float:
    """Largest difference of a disease's probability in the heads; a disease that only one of them has counts whole.

    Places that are equally probable may change, so ranks are not compared.
    """
    first, second = dict(one.head), dict(two.head)
    length = min(len(one.head), len(two.head))
    shared = [abs(p - second.get(disease, 0.0)) for disease, p in one.head[:length]]
    shared += [abs(p - first.get(disease, 0.0)) for disease, p in two.head[:length]]
    return max(shared, default=float(bool(one.head) != bool(two.head)))


def service_checks(current: Window, limits: Limits | None = None) -> list[Check]:
    """The 99th percentile of the time of an answer, and the share of calls without one."""
    limits = limits or Limits()
    taken = [record.latency_ms for record in current if record.latency_ms is not None]
    n = len(current)
    if len(taken) < limits.least_predictions:
        why = f"{len(taken)} times; at least {limits.least_predictions} were expected"
        latency = Check("service: latency", INSUFFICIENT, None, limits.p99_ms, why)
    else:
        p99 = float(np.quantile(taken, 0.99))
        why = f"99 of 100 answers take at most {p99:.0f} ms; alarm above {limits.p99_ms:g}"
        latency = Check("service: latency", ALARM if p99 > limits.p99_ms else OK, p99, limits.p99_ms, why)
    if n < limits.least_predictions:
        why = f"{n} calls; at least {limits.least_predictions} were expected"
        return [latency, Check("service: errors", INSUFFICIENT, None, limits.error_share, why)]
    failed = sum(record.error is not None for record in current)
    p = binomtest(failed, n, limits.error_share, alternative="greater").pvalue
    why = (
        f"{failed} of {n} calls failed; alarm where {limits.error_share:.1%} cannot explain it (p = {p:.4f})"
    )
    verdict = ALARM if p < limits.alpha else OK
    return [latency, Check("service: errors", verdict, failed / n, limits.error_share, why)]
