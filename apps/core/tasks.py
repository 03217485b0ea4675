"""Celery's doors to the services."""

from celery import shared_task

from apps.core.idempotency import forget_expired_answers


@shared_task(name="core.forget_expired_answers")
def forget_answers() -> None:
    """Delete answers that were kept for repeated requests and are past their time."""
    forget_expired_answers()
