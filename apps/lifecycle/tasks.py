"""Celery's doors to the services."""

from uuid import UUID

from celery import shared_task
from django.conf import settings

from apps.accounts.actors import SYSTEM
from apps.core.problems import Conflict
from apps.lifecycle.selectors import confirmed_since_last_training, unfinished_runs
from apps.lifecycle.services import request_training, run_training


@shared_task(name="lifecycle.retrain")
def retrain(run_id: str) -> None:
    """Do one training run."""
    run_training(run_id=UUID(run_id))


@shared_task(name="lifecycle.resume_pending")
def resume_pending() -> None:
    """Queue again what the broker lost or a killed worker left behind."""
    for run in unfinished_runs():
        retrain.delay(str(run.pk))


@shared_task(name="lifecycle.schedule_retraining")
def schedule_retraining() -> None:
    """Start a training once enough cases were confirmed since the last one."""
    if confirmed_since_last_training() < settings.RETRAIN_AFTER_CASES:
        return
    try:
        run = request_training(actor=SYSTEM, reason="enough newly confirmed cases")
    except Conflict:
        return
    retrain.delay(str(run.pk))
