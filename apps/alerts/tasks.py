"""Celery's doors to the services."""

import logging
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.accounts.selectors import in_each_organisation
from apps.alerts.services import deliver_due, raise_alerts

logger = logging.getLogger(__name__)


@shared_task(name="alerts.watch")
def watch() -> None:
    """Raise what the audit trail calls for, and tell people of it, in one organisation after the other."""
    in_each_organisation(_watch)


def _watch(organisation_id: UUID) -> None:
    try:
        raise_alerts(organisation_id=organisation_id, now=timezone.now())
        deliver_due(now=timezone.now())
    except Exception:
        # What goes wrong in one organisation keeps no other from being warned; the next watch tries again.
        logger.exception("The alerts of organisation %s could not be raised or sent", organisation_id)
