"""Celery's doors to the verification of the trail."""

from uuid import UUID

from celery import shared_task

from apps.audit.anchor import anchor_place
from apps.audit.origin import Nobody
from apps.audit.selectors import unfinished_verifications
from apps.audit.verifications import request_verification, run_verification
from apps.core.problems import Conflict


@shared_task(name="audit.verify")
def verify(run_id: str) -> None:
    """Do one verification."""
    run_verification(run_id=UUID(run_id))


@shared_task(name="audit.resume_pending")
def resume_pending() -> None:
    """Queue again what the broker lost or a killed worker left behind."""
    for run in unfinished_verifications():
        verify.delay(str(run.pk))


@shared_task(name="audit.schedule_verification")
def schedule_verification() -> None:
    """The daily verification, which waits for nobody to ask. What a webhook has taken cannot be read from here."""
    if anchor_place()[0] == "webhook":
        return
    try:
        run = request_verification(actor=Nobody(None))
    except Conflict:
        return
    verify.delay(str(run.pk))
