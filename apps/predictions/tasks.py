"""Celery's doors to the services."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.core.tenancy import organisation_scope
from apps.predictions.shadow import TASK, score_in_shadow, score_what_was_lost


@shared_task(name=TASK)
def score(prediction_id: str, organisation_id: str) -> None:
    """Score one prediction with the model in the shadow."""
    with organisation_scope(UUID(organisation_id)):
        score_in_shadow(prediction_id=UUID(prediction_id))


@shared_task(name="predictions.resume_shadow")
def resume_shadow() -> None:
    """Score what the broker lost."""
    score_what_was_lost(now=timezone.now())
