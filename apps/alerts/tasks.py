"""Celery's doors to the services."""

from celery import shared_task
from django.utils import timezone

from apps.accounts.selectors import each_organisation
from apps.alerts.services import deliver_due, raise_alerts


@shared_task(name="alerts.watch")
def watch() -> None:
    """Raise what the audit trail calls for, and tell people of it, in one organisation after the other."""
    for organisation_id in each_organisation():
        raise_alerts(organisation_id=organisation_id, now=timezone.now())
        deliver_due(now=timezone.now())
