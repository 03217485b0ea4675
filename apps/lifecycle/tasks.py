"""Celery's doors to the services."""

from uuid import UUID

from celery import shared_task
from django.conf import settings

from apps.accounts.actors import SYSTEM
from apps.core.problems import Conflict
from apps.lifecycle.models import Trigger
from apps.lifecycle.selectors import confirmed_since_last_training, unfinished_experiments
from apps.lifecycle.services import request_experiment, run_experiment


@shared_task(name="lifecycle.experiment")
def carry_out(experiment_id: str) -> None:
    """Do one experiment."""
    run_experiment(experiment_id=UUID(experiment_id))


@shared_task(name="lifecycle.resume_pending")
def resume_pending() -> None:
    """Queue again what the broker lost or a killed worker left behind."""
    for experiment in unfinished_experiments():
        carry_out.delay(str(experiment.pk))


@shared_task(name="lifecycle.schedule_retraining")
def schedule_retraining() -> None:
    """Begin an experiment once enough cases were confirmed since the last one."""
    if confirmed_since_last_training() < settings.RETRAIN_AFTER_CASES:
        return
    try:
        experiment = request_experiment(
            actor=SYSTEM, reason="enough newly confirmed cases", trigger=Trigger.CASES
        )
    except Conflict:
        return
    carry_out.delay(str(experiment.pk))
