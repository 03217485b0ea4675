"""How long data are kept, and deleting what is past that (ADR 38)."""

import logging
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.actors import SYSTEM, Actor
from apps.audit.services import record_event
from apps.cases.models import Case, Patient, RetentionPolicy
from apps.cases.retention import Limits, limits_of
from apps.cases.services import delete_case
from apps.core.capabilities import Capability
from apps.core.jobs import JobState, only_worker
from apps.core.problems import Denied
from apps.datasets.rows import delete_rows_of
from apps.privacy.models import RetentionRun
from apps.privacy.selectors import expired_cases, is_held

logger = logging.getLogger(__name__)


@transaction.atomic
def request_purge(*, actor: Actor) -> RetentionRun:
    """Write a sweep over the actor's organisation down for the workers."""
    actor.require(Capability.PRIVACY_PURGE)
    if actor.organisation_id is None:
        raise Denied("retention.request", "retention")
    return schedule_purge(actor=actor, organisation_id=actor.organisation_id)


@transaction.atomic
def record_search(*, actor: Actor, patient_id: UUID) -> None:
    """Record that the actor was led to the patient for whose pseudonym or number he asked."""
    record_event(
        actor=actor,
        action="patient.search",
        object_type="patient",
        object_ids=[patient_id],
        patient_ids=[patient_id],
    )


@transaction.atomic
def schedule_purge(*, actor: Actor, organisation_id: UUID) -> RetentionRun:
    """Write a sweep over one organisation down for the workers."""
    run = RetentionRun.objects.create(organisation_id=organisation_id, requested_by_id=actor.user_id)
    record_event(actor=actor, action="retention.request", object_type="retention", object_ids=[run.pk])
    return run


def run_purge(*, run_id: UUID) -> None:
    """Delete what is past its retention, one transaction a case. Idempotent, and resumes where it was."""
    with only_worker(run_id) as may_work:
        run = RetentionRun.objects.filter(pk=run_id).first()
        if not may_work or run is None or run.state in {JobState.SUCCEEDED, JobState.FAILED}:
            return
        run.begin()
        try:
            _purge(run)
        except Exception as error:
            logger.exception("retention run %s failed", run.pk)
            run.finish(error=f"{type(error).__name__}: {error}")
        else:
            run.finish()


def _purge(run: RetentionRun) -> None:
    due = list(expired_cases(organisation_id=run.organisation_id).values_list("pk", flat=True))
    run.n_due = run.n_deleted + len(due)
    run.save(update_fields=["n_due"])
    for number, case_id in enumerate(due, start=1):
        if purge_case(case_id=case_id):
            run.n_deleted += 1
            run.save(update_fields=["n_deleted"])
        run.report(number * 100 // len(due), f"{number} / {len(due)}")
    run.n_predictions += purge_predictions(organisation_id=run.organisation_id)
    run.save(update_fields=["n_predictions"])


@transaction.atomic
def purge_predictions(*, organisation_id: UUID) -> int:
    """Delete the predictions without a case that are past their retention; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hoofbeat_purge_predictions_without_case(%s, %s)",
            [organisation_id, settings.RETENTION_DAYS],
        )
        (number,) = cursor.fetchone() or (0,)
    if number:
        record_event(
            actor=SYSTEM,
            action="prediction.purge",
            object_type="prediction",
            purpose="retention",
            details={"n_predictions": number},
        )
    return int(number)


@transaction.atomic
def set_limits(*, actor: Actor, limits: Limits) -> None:
    """Let the organisation keep its data for as long as `limits` say, those there already included."""
    actor.require(Capability.PRIVACY_PURGE)
    if actor.organisation_id is None:
        raise Denied("retention.limits", "retention")
    before = limits_of(organisation_id=actor.scope)
    policy = RetentionPolicy(
        organisation_id=actor.organisation_id,
        case_days=limits.case_days,
        prediction_days=limits.prediction_days,
        set_by=actor.account(),
    )
    policy.save(force_insert=True)
    Case.objects.filter(organisation_id=actor.scope).update(
        retain_until=F("updated_at") + timedelta(days=limits.case_days)
    )
    record_event(
        actor=actor,
        action="retention.limits",
        object_type="retention",
        object_ids=[policy.pk],
        details={"before": asdict(before), "after": asdict(limits)},
    )


@transaction.atomic
def purge_case(*, case_id: UUID) -> bool:
    """Delete one case with its predictions; False when it was changed or held meanwhile and is no longer due."""
    case = Case.objects.select_for_update(of=("self",)).select_related("patient").filter(pk=case_id).first()
    if case is None or case.retain_until > timezone.now():
        return False
    patient_id = case.patient_id
    # Whoever places a hold takes this lock, too.
    list(Patient.objects.select_for_update(of=("self",)).filter(pk=patient_id).values("pk"))
    if is_held(patient_id=patient_id):
        return False
    with connection.cursor() as cursor:
        # Predictions are append-only for the application; this function of the owner deletes those of expired cases.
        cursor.execute("SELECT hoofbeat_purge_predictions(%s)", [case_id])
    delete_rows_of(case_id=case_id, patient_id=patient_id)
    delete_case(actor=SYSTEM, case=case)
    record_event(
        actor=SYSTEM,
        action="case.purge",
        object_type="case",
        object_ids=[case_id],
        patient_ids=[patient_id],
        purpose="retention",
    )
    return True
