"""The loop: what starts an experiment by itself, once for each cause, and why (ADR 50).

Whatever it makes is a candidate, which waits for its gates and for two people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from apps.accounts.actors import SYSTEM
from apps.audit.services import record_event
from apps.core.problems import Conflict
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import newest_for_training
from apps.datasets.services import snapshot_confirmed_cases
from apps.knowledge.selectors import current_release
from apps.lifecycle.models import Experiment, FiredTrigger, MonitoringPolicy, MonitoringReport, Trigger
from apps.lifecycle.monitoring_selectors import current_policy, standing_alarms
from apps.lifecycle.selectors import (
    any_confirmed_cases,
    confirmed_since_last_training,
    models_due_for_retraining,
)
from apps.lifecycle.services import request_experiment
from apps.registry.selectors import active_model

_LOCK = 0x484F4F46_4C4F4F50  # "HOOFLOOP": two sweeps at once would fire twice


@dataclass(frozen=True, slots=True)
class Cause:
    """What calls for an experiment; `name` is always the same for the same cause, `reason` is for people."""

    kind: str
    name: str
    reason: str
    report: MonitoringReport | None = None


def _start_experiment(causes: Sequence[Cause]) -> Experiment:
    """Ask for an experiment as the system. Raises Conflict, as while one runs."""
    return request_experiment(
        actor=SYSTEM,
        reason="; ".join(cause.reason for cause in causes),
        trigger=causes[0].kind,
        datasets=_data(),
    )


def _data() -> list[DatasetVersion]:
    """What an experiment learns from that nobody has set up: the newest version of each source that wants it, and
    confirmed cases. Without such a source nothing is named: confirmed cases alone, as they are when it begins."""
    of_sources = list(newest_for_training())
    if not of_sources or not any_confirmed_cases():
        return of_sources
    return [*of_sources, snapshot_confirmed_cases(actor=SYSTEM)]


@transaction.atomic
def fire_triggers(*, now: datetime) -> UUID | None:
    """Start one experiment for all causes that stand and have started none: its id, or None.

    Within the cool-down, and while another experiment is under way, nothing is started and nothing kept: what still
    stands at a later sweep fires then.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    policy = current_policy()
    if FiredTrigger.objects.filter(created_at__gt=now - timedelta(days=policy.cool_down_days)).exists():
        return None
    standing = list(_standing_causes(policy, now))
    known = set(
        FiredTrigger.objects.filter(cause__in=[cause.name for cause in standing]).values_list(
            "cause", flat=True
        )
    )
    causes = [cause for cause in standing if cause.name not in known]
    if not causes:
        return None
    try:
        experiment = _start_experiment(causes)
    except Conflict:
        return None
    triggers = FiredTrigger.objects.bulk_create(
        FiredTrigger(kind=cause.kind, cause=cause.name, report=cause.report, experiment=experiment)
        for cause in causes
    )
    record_event(
        actor=SYSTEM,
        action="experiment.trigger",
        object_type="experiment",
        object_ids=[experiment.pk, *(trigger.pk for trigger in triggers)],
        details={"kinds": sorted({cause.kind for cause in causes})},
    )
    return experiment.pk


def _standing_causes(policy: MonitoringPolicy, now: datetime) -> Iterator[Cause]:
    for alarm in standing_alarms():
        # What serving or the service itself does wrong no other model puts right, nor knowledge of which none newer is.
        is_curable = alarm.name != "staleness: knowledge"
        if is_curable and getattr(policy, f"starts_on_{alarm.family}", False):
            yield Cause(Trigger.DRIFT, alarm.episode, f"alarm: {alarm.name}", alarm.report)
    release, model = current_release(), active_model()
    version = release.version if release else ""
    if policy.starts_on_knowledge and release and model and version != model.knowledge_version:
        yield Cause(Trigger.KNOWLEDGE, f"knowledge {version}", f"new knowledge: {version}")
    if policy.starts_on_erasure and model is not None and model.number in models_due_for_retraining():
        name = f"erasure, model {model.number}"
        yield Cause(Trigger.ERASURE, name, f"model {model.number} learnt from somebody who was erased")
    for data in newest_for_training():
        reason = f"new data: {data.n_cases} cases of {data.source.name if data.source else ''}"
        yield Cause(Trigger.DATA, f"data {data.pk}", reason)
    n = confirmed_since_last_training()
    if n >= settings.RETRAIN_AFTER_CASES:
        # By day, so that a training that failed is tried again.
        yield Cause(Trigger.CASES, f"cases, {now:%Y-%m-%d}", f"{n} newly confirmed cases")
