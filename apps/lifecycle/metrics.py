"""Figures for Prometheus, of the whole installation: nothing of a patient, and no organisation (ADR 50).

All of them are read when they are asked for, from the database and the cache, so that it does not matter which of the
web server's processes answers, and no prediction waits for them.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from apps.accounts.selectors import in_each_organisation
from apps.audit.selectors import count_unsealed
from apps.core.identifiers import first_uuid7
from apps.lifecycle.models import Experiment, MonitoringCheck
from apps.lifecycle.monitoring_selectors import latest_report
from apps.predictions.calls import calls_in_all
from apps.registry.selectors import current_release
from ml.monitoring.records import day_in

logger = logging.getLogger(__name__)

# Milliseconds; the gates and the policy allow 100 by default.
_BUCKETS = (5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0, 250.0, 1000.0)
_KEY, _LOCK = "metrics:totals", 0x484F4F46_4D455452  # "HOOFMETR"
# A prediction has its id some time before it is committed.
_SETTLED = timedelta(seconds=30)


@dataclass(slots=True)
class _Totals:
    """Predictions since counting began: up to `until`, in each bucket, their milliseconds, and by model."""

    until: UUID
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    milliseconds: float = 0.0
    models: dict[int, int] = field(default_factory=dict)


def exposition() -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector())
    return generate_latest(registry)


class _Collector(Collector):
    def collect(self) -> Iterable[Metric]:
        yield from _predictions()
        yield from _model(timezone.now())
        yield from _report(timezone.now())
        yield from _work()


def _predictions() -> Iterator[Metric]:
    try:
        totals = _counted()
    except RedisError:
        logger.warning("the cache does not answer, so predictions are not counted for Prometheus")
        return
    requests = CounterMetricFamily(
        "hoofbeat_prediction_requests", "Calls for a prediction by how they ended.", labels=["outcome"]
    )
    for outcome, n in {"answered": sum(totals.buckets), **calls_in_all()}.items():
        requests.add_metric([outcome], n)
    yield requests
    by_model = CounterMetricFamily("hoofbeat_predictions", "Predictions by model.", labels=["model"])
    for number, n in sorted(totals.models.items()):
        by_model.add_metric([str(number)], n)
    yield by_model
    cumulative, buckets = 0, []
    for bound, n in zip([str(most / 1000) for most in _BUCKETS] + ["+Inf"], totals.buckets, strict=True):
        cumulative += n
        buckets.append((bound, float(cumulative)))
    yield HistogramMetricFamily(
        "hoofbeat_prediction_latency_seconds",
        "Time of the engine for a prediction.",
        buckets=buckets,
        sum_value=totals.milliseconds / 1000,
    )


@transaction.atomic
def _counted() -> _Totals:
    """The totals, with what was predicted since the last look. Raises RedisError.

    They are kept in the cache: if that loses them, counting begins again, which Prometheus takes for a restart.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    now = first_uuid7(timezone.now() - _SETTLED)
    totals = cache.get(_KEY) or _Totals(until=now)
    if totals.until < now:
        found = in_each_organisation(lambda _organisation_id: _between(totals.until, now))
        for number, bucket, n, milliseconds in (row for rows in found for row in rows):
            totals.buckets[bucket] += n
            totals.milliseconds += milliseconds
            totals.models[number] = totals.models.get(number, 0) + n
        totals.until = now
    cache.set(_KEY, totals, None)
    return totals


def _between(since: UUID, until: UUID) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT model.number, width_bucket(p.latency_ms, %s::float8[]), count(*), sum(p.latency_ms) "
            "FROM predictions_prediction p JOIN registry_modelversion model ON model.id = p.model_id "
            "WHERE p.id >= %s AND p.id < %s GROUP BY 1, 2",
            [list(_BUCKETS), since, until],
        )
        return cursor.fetchall()


def _model(now: datetime) -> Iterator[Metric]:
    release = current_release()
    yield GaugeMetricFamily(
        "hoofbeat_active_model",
        "Number of the model that answers; 0: none.",
        value=release.model.number if release.model else 0,
    )
    yield GaugeMetricFamily(
        "hoofbeat_canary_percent", "Share of the requests that a canary answers.", value=release.share
    )
    yield GaugeMetricFamily(
        "hoofbeat_predictions_stopped", "1 while all predictions are stopped.", value=int(bool(release.stop))
    )
    if release.model is None:
        return
    manifest = release.model.manifest
    ages = {
        "hoofbeat_model_age_seconds": manifest.get("created"),
        "hoofbeat_knowledge_age_seconds": manifest.get("model", {}).get("hpo_release"),
    }
    for name, text in ages.items():
        day = day_in(str(text))
        if day is not None:
            yield GaugeMetricFamily(
                name, "Age of what the running model was made of.", value=_seconds(now, day)
            )


def _seconds(now: datetime, day: date) -> float:
    return float((now.date() - day).days * 86_400)


def _report(now: datetime) -> Iterator[Metric]:
    report = latest_report(model=current_release().model)
    if report is None:
        return
    yield GaugeMetricFamily(
        "hoofbeat_monitoring_report_age_seconds",
        "Since the last report on the running model.",
        value=(now - report.created_at).total_seconds(),
    )
    verdict = GaugeMetricFamily(
        "hoofbeat_monitoring_verdict", "1 for what the last report says.", labels=["verdict"]
    )
    for name in report.Verdict.values:
        verdict.add_metric([name], int(report.verdict == name))
    yield verdict
    alarms = GaugeMetricFamily(
        "hoofbeat_check_alarm",
        "1: the check alarms, 0: it is ok; not there without evidence.",
        labels=["check"],
    )
    figures = GaugeMetricFamily("hoofbeat_check_figure", "What was measured.", labels=["check"])
    thresholds = GaugeMetricFamily("hoofbeat_check_threshold", "From where on it alarms.", labels=["check"])
    for check in report.checks:
        name = check["name"]
        if "organisation" in name:
            continue
        if check["verdict"] != "insufficient_evidence":
            alarms.add_metric([name], int(check["verdict"] == "alarm"))
        if check["figure"] is not None:
            figures.add_metric([name], check["figure"])
        thresholds.add_metric([name], check["threshold"])
    yield from (alarms, figures, thresholds)


def _work() -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "hoofbeat_audit_unsealed_events", "Events that wait to be sealed.", value=count_unsealed()
    )
    jobs = GaugeMetricFamily("hoofbeat_jobs", "Long work by state.", labels=["kind", "state"])
    for kind, model in (("experiment", Experiment), ("check", MonitoringCheck)):
        states = model._default_manager.order_by().values_list("state").annotate(n=Count("pk"))
        for state, n in states:
            jobs.add_metric([kind, state], n)
    yield jobs
