"""Celery's doors to the services."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.lifecycle.monitoring import run_check, schedule_check
from apps.lifecycle.monitoring_selectors import unfinished_checks
from apps.lifecycle.selectors import unfinished_experiments
from apps.lifecycle.services import run_experiment
from apps.lifecycle.triggers import fire_triggers


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
    """Start an experiment when something calls for one (`apps.lifecycle.triggers`)."""
    experiment_id = fire_triggers(now=timezone.now())
    if experiment_id is not None:
        carry_out.delay(str(experiment_id))


@shared_task(name="lifecycle.check_model")
def check_model(check_id: str) -> None:
    """Do one check of the running model, and what follows from it."""
    run_check(check_id=UUID(check_id))
    schedule_retraining()


@shared_task(name="lifecycle.resume_checks")
def resume_checks() -> None:
    """Queue again what the broker lost or a killed worker left behind."""
    for check in unfinished_checks():
        check_model.delay(str(check.pk))


@shared_task(name="lifecycle.watch_model")
def watch_model() -> None:
    """Check the running model when a new window is full, or a day has passed."""
    schedule_check(now=timezone.now())
    resume_checks()
