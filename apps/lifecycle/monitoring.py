"""Watching the running model: one check compares windows of its predictions and leaves a report (ADR 50)."""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import SYSTEM, Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.identifiers import first_uuid7
from apps.core.jobs import JobState, only_worker
from apps.core.problems import Conflict
from apps.lifecycle.models import MonitoringCheck, MonitoringPolicy, MonitoringReport
from apps.lifecycle.monitoring_selectors import (
    beginnings,
    current_policy,
    latest_report,
    unfinished_checks,
    with_beginning,
)
from apps.predictions.calls import FAILED, REFUSED, calls_between
from apps.predictions.watched import MOST_WATCHED, newest, oldest, records_of, replayed
from apps.registry.models import ModelVersion
from apps.registry.selectors import active_model, released_at
from ml.monitoring.records import PredictionRecord, day_in

logger = logging.getLogger(__name__)

# Also where nobody asks for predictions: the model grows old, and a report that is missing looks like a good one.
_LONGEST_WITHOUT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Windows:
    """What is compared: `ids` are those of the current predictions."""

    ids: Sequence[UUID]
    current: list[PredictionRecord]
    reference: list[PredictionRecord]


@transaction.atomic
def request_check(*, actor: Actor) -> MonitoringCheck:
    """Write a check down for the workers. Raises Conflict while one is under way, or no model answers."""
    if actor is not SYSTEM:
        actor.require(Capability.MODEL_TRAIN)
    if active_model() is None:
        raise Conflict(_("No model answers yet, so there is nothing to watch."))
    check = MonitoringCheck(requested_by_id=actor.user_id)
    try:
        with transaction.atomic():
            check.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("A check is under way already; its report will stand here in a moment.")) from error
    record_event(actor=actor, action="monitoring.request", object_type="check", object_ids=[check.pk])
    return check


def schedule_check(*, now: datetime) -> None:
    """Write a check down when a window is full that no report was made of, or none was made for a day."""
    if unfinished_checks().exists() or not _is_due(now):
        return
    try:
        request_check(actor=SYSTEM)
    except Conflict:
        return


def _is_due(now: datetime) -> bool:
    model = active_model()
    if model is None:
        return False
    last = latest_report(model=model)
    if last is None or last.created_at <= now - _LONGEST_WITHOUT:
        return True
    policy = current_policy()
    if policy.current_days:
        return False
    ids = newest(model=model, n=policy.current_size, days=None, confirmed=False)
    if len(ids) < policy.current_size:
        return False
    # Ids are ordered by time; the millisecond of the last one in the report is over.
    until = last.current_until
    return until is None or ids[-1] >= first_uuid7(until + timedelta(milliseconds=1))


def run_check(*, check_id: UUID) -> None:
    """Compare, and leave a report. Idempotent: what has ended is left alone, what a dead worker left begins again."""
    with only_worker(check_id) as may_work:
        check = MonitoringCheck.objects.filter(pk=check_id).first()
        if not may_work or check is None or check.state in {JobState.SUCCEEDED, JobState.FAILED}:
            return
        check.begin()
        try:
            _check(check)
        except Exception as error:
            logger.exception("check %s of the running model failed", check.pk)
            # Not its text: what a database says of a row may repeat the row.
            check.finish(error=type(error).__name__)
            record_event(actor=SYSTEM, action="monitoring.fail", object_type="check", object_ids=[check.pk])


def _check(check: MonitoringCheck) -> None:
    model, policy, now = active_model(), current_policy(), timezone.now()
    if model is None:
        raise Conflict("no model answers")
    windows = _windows(model, policy, confirmed=False)
    check.report(25, "gathering the outcomes")
    told = _windows(model, policy, confirmed=True)
    check.report(50, "weighing the windows")
    since = windows.current[0].at if windows.current else now - _LONGEST_WITHOUT
    calls = calls_between(since, now)
    checks, quality = _judge(model, policy, windows, told, calls[FAILED], now)
    began = beginnings(previous=latest_report(model=model))
    with transaction.atomic():
        check.result = MonitoringReport.objects.create(
            model=model,
            requested_by_id=check.requested_by_id,
            verdict=_overall(checks),
            current_from=_first(windows.current),
            current_until=_last(windows.current),
            reference_from=_first(windows.reference),
            reference_until=_last(windows.reference),
            n_current=len(windows.current),
            n_reference=len(windows.reference),
            n_outcomes=len(told.current),
            n_refused=calls[REFUSED],
            n_failed=calls[FAILED],
            checks=[with_beginning(one, began, now) for one in checks],
            quality=quality,
        )
        check.finish()
        record_event(
            actor=SYSTEM,
            action="monitoring.report",
            object_type="report",
            object_ids=[check.result.pk],
            details={
                "model": model.number,
                "verdict": check.result.verdict,
                "n_current": len(windows.current),
                "n_reference": len(windows.reference),
            },
        )


def _windows(model: ModelVersion, policy: MonitoringPolicy, *, confirmed: bool) -> _Windows:
    n = policy.outcomes_size if confirmed else policy.current_size
    ids = newest(model=model, n=n, days=None if confirmed else policy.current_days, confirmed=confirmed)
    since = policy.reference_since or released_at(model=model)
    before = oldest(
        model=None if policy.reference_since else model,
        since=since or model.created_at,
        before=min(ids, default=None),
        n=policy.reference_size,
        confirmed=confirmed,
    )
    return _Windows(ids, records_of(ids), records_of(before))


def _judge(
    model: ModelVersion,
    policy: MonitoringPolicy,
    windows: _Windows,
    told: _Windows,
    n_failed: int,
    now: datetime,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(checks, live quality), as a report keeps them."""
    # Brings scipy, which takes a second to import, so only where a check is done.
    from ml.monitoring.drift import drift_checks
    from ml.monitoring.operation import service_checks, skew_checks, staleness_checks
    from ml.monitoring.quality import live_quality, outcome_checks

    limits = policy.limits()
    failed = [
        PredictionRecord(id=f"failed-{number}", at=now, present=(), error=FAILED)
        for number in range(min(n_failed, MOST_WATCHED))
    ]
    stored, again = replayed(_spread(windows.ids, policy.skew_sample))
    described = model.manifest.get("model", {})
    checks = [
        *drift_checks(windows.reference, windows.current, limits),
        *outcome_checks(told.reference, told.current, limits),
        *service_checks([*windows.current, *failed], limits),
        *staleness_checks(
            now.date(),
            day_in(str(model.manifest.get("created", ""))),
            day_in(str(described.get("hpo_release", ""))),
            limits,
        ),
        *skew_checks(again, stored, limits),
    ]
    quality = [asdict(group) for group in live_quality(told.current, limits)]
    return [_finite(asdict(check)) for check in checks], quality


def _spread(ids: Sequence[UUID], n: int) -> list[UUID]:
    """At most `n` of them, evenly over the window."""
    if not n or not ids:
        return []
    step = max(1, len(ids) // n)
    return list(ids[::step][:n])


def _finite(check: dict[str, Any]) -> dict[str, Any]:
    """JSON of PostgreSQL knows no NaN."""
    figure = check["figure"]
    return check if figure is None or math.isfinite(figure) else check | {"figure": None}


def _overall(checks: Sequence[dict[str, Any]]) -> str:
    """Alarm if one alarms; ok if something could be judged and nothing alarms.

    Not as `ml.monitoring.checks.overall`, which wants evidence for all: a clinic without infants would never be ok.
    What had too little evidence is said check by check. How old a model is says nothing of how it does.
    """
    verdicts = {check["verdict"] for check in checks if not check["name"].startswith("staleness")}
    if any(check["verdict"] == MonitoringReport.Verdict.ALARM for check in checks):
        return MonitoringReport.Verdict.ALARM
    return MonitoringReport.Verdict.OK if "ok" in verdicts else MonitoringReport.Verdict.INSUFFICIENT


def _first(records: list[PredictionRecord]) -> datetime | None:
    return records[0].at if records else None


def _last(records: list[PredictionRecord]) -> datetime | None:
    return records[-1].at if records else None
