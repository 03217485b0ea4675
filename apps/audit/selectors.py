"""Reading the trail."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin


def list_events(*, actor: Origin) -> QuerySet[AuditEvent]:
    """The events of the actor's organisation, newest first."""
    return AuditEvent.objects.filter(organisation_id=actor.scope)


def names_of_actors(*, actor: Origin, events: Iterable[AuditEvent]) -> dict[UUID | None, str]:
    """User names by id, as they are now, for those accounts of the organisation that still exist.

    The trail itself holds ids alone, so this app, which stands below the accounts, knows them as Django's user model.
    """
    ids = {event.actor_id for event in events if event.actor_id}
    accounts = get_user_model()._default_manager.filter(pk__in=ids, organisation_id=actor.scope)
    return dict(accounts.values_list("pk", "username"))


def user_id_of(*, actor: Origin, username: str) -> UUID | None:
    """The id of an account of the organisation by its user name."""
    accounts = get_user_model()._default_manager.filter(username=username, organisation_id=actor.scope)
    return accounts.values_list("pk", flat=True).first()
