"""Celery's doors to the services."""

from celery import shared_task

from apps.oauth.services import forget_expired_tokens


@shared_task(name="oauth.forget_expired_tokens")
def forget_tokens() -> None:
    """Delete codes and tokens that open nothing any more."""
    forget_expired_tokens()
