"""Reading the trail."""

from django.db.models import QuerySet

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin


def list_events(*, actor: Origin) -> QuerySet[AuditEvent]:
    """The events of the actor's organisation, newest first."""
    return AuditEvent.objects.filter(organisation_id=actor.organisation_id)
