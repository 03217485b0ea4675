"""Writing to the trail."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext as _

from apps.audit.models import AuditEvent, Outcome
from apps.audit.origin import Origin
from apps.audit.purposes import purpose_of
from apps.core.problems import Unavailable


def record_event(
    *,
    actor: Origin,
    action: str,
    outcome: Outcome = Outcome.OK,
    object_type: str = "",
    object_ids: Iterable[UUID] = (),
    patient_ids: Iterable[UUID] = (),
    purpose: str = "",
    details: dict[str, Any] | None = None,
) -> AuditEvent:
    """Write one event in the caller's transaction.

    `purpose` is that of the act unless given; in an emergency a trigger names that instead. `details` may hold ids,
    counts and codes, never a name, a pseudonym, a note or a finding. Raises Unavailable when the event cannot be
    written: the caller's transaction then rolls back, so nothing happens unrecorded.
    """
    event = AuditEvent(
        actor_id=actor.user_id,
        organisation_id=actor.organisation_id,
        roles=list(actor.roles),
        token_id=actor.token_id,
        address=actor.address,
        request_id=actor.request_id,
        action=action,
        outcome=outcome,
        object_type=object_type,
        object_ids=list(object_ids),
        patient_ids=list(patient_ids),
        purpose=purpose or purpose_of(action),
        details=details or {},
    )
    try:
        event.save(force_insert=True)
    except (DatabaseError, InterfaceError) as error:
        raise Unavailable(_("The audit trail cannot be written, so the work was not done.")) from error
    return event
