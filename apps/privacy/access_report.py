"""Who looked at a patient's data: the report that he may ask for (GDPR article 15), made from the audit trail.

It names people only when asked to: a patient is owed the times and the purposes, but who the employees were only where
he needs that to use his rights (Court of Justice of the EU, C-579/21, 22 June 2023).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.accounts.selectors import people_of
from apps.audit.models import AuditEvent, Outcome
from apps.audit.selectors import events_about, list_events
from apps.audit.services import record_event
from apps.cases.models import Case, Patient
from apps.cases.selectors import named
from apps.core.capabilities import Capability
from apps.core.problems import Denied
from apps.predictions.models import Prediction
from apps.privacy.act_words import act_words, purpose_words, role_words


@dataclass(frozen=True, slots=True)
class Access:
    """One act on the patient's data. `person` is "" unless names were asked for, and for accounts that are gone."""

    at: datetime
    what: str
    purpose: str
    role: str
    person: str
    organisation: str
    is_program: bool
    outcome: str
    event: UUID

    @property
    def is_refused(self) -> bool:
        return self.outcome == Outcome.DENIED

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def find_subjects(*, actor: Actor, text: str) -> list[UUID]:
    """Opaque ids of whom `text` may mean: patients of the actor's organisation by a whole pseudonym or medical record
    number, or whoever had that opaque id, be it that he was erased."""
    actor.require(Capability.PRIVACY_READ)
    try:
        subject = UUID(text.strip())
    except ValueError:
        patients = Patient.objects.filter(named(actor=actor, text=text, path=""), organisation_id=actor.scope)
        return list(patients.values_list("pk", flat=True))
    return [subject] if _is_known(actor, subject) else []


def _is_known(actor: Actor, patient_id: UUID) -> bool:
    if Patient.objects.filter(pk=patient_id, organisation_id=actor.scope).exists():
        return True
    return list_events(actor=actor).filter(patient_ids__contains=[patient_id]).exists()


@transaction.atomic
def read_accesses(
    *, actor: Actor, patient_id: UUID, with_names: bool = False, action: str = "access_report.read"
) -> QuerySet[AuditEvent]:
    """The events of the organisation about the patient, newest first; leaves an event, which is among them.

    Of somebody who was erased the trail's opaque ids are left, so there is a report of him as well. Raises Denied when
    the organisation neither has nor had such a patient.
    """
    actor.require(Capability.PRIVACY_READ)
    cases = Case.objects.filter(patient_id=patient_id, organisation_id=actor.scope)
    case_ids = list(cases.values_list("pk", flat=True))
    refused = [patient_id, *case_ids]
    refused += Prediction.objects.filter(case_id__in=case_ids).values_list("pk", flat=True)
    if not _is_known(actor, patient_id):
        raise Denied(action, "patient", (patient_id,))
    record_event(
        actor=actor,
        action=action,
        object_type="patient",
        object_ids=[patient_id],
        patient_ids=[patient_id],
        details={"names": with_names},
    )
    return events_about(actor=actor, patient_id=patient_id, refused=refused)


def accesses_in(*, actor: Actor, events: Iterable[AuditEvent], with_names: bool) -> Iterator[Access]:
    """The events in words, in the language of the moment."""
    rows = list(events)
    organisation = actor.account().organisation
    people = people_of(actor=actor, user_ids=[row.actor_id for row in rows if row.actor_id])
    for row in rows:
        person = people.get(row.actor_id) if with_names and row.actor_id else None
        yield Access(
            at=row.occurred_at,
            what=act_words(row.action),
            purpose=purpose_words(row.action, row.purpose),
            role=role_words(row.roles, row.actor_id),
            person=(person.get_full_name() or person.get_username()) if person else "",
            organisation=organisation.name if organisation else "",
            is_program=row.token_id is not None,
            outcome=row.outcome,
            event=row.id,
        )
