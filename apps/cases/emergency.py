"""Emergency access ("breaking the glass"): one patient's cases, for a reason, for an hour at most (ADR 30)."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import record_event
from apps.cases.models import Case, EmergencyAccess, Patient, PatientKey
from apps.cases.selectors import list_cases, named
from apps.core.capabilities import Capability
from apps.core.problems import Conflict, Denied, FieldError, InvalidInput

SHORTEST_REASON = 10
LONGEST_REASON = 500


@transaction.atomic
def open_emergency(*, actor: Actor, patient: str, reason: str) -> EmergencyAccess:
    """Let the actor see, and predict from, the cases of the patient whose pseudonym or number reads as `patient`.

    For `EMERGENCY_MINUTES`, and changing nothing of them. Whoever calls has asked again who it is. Raises Denied when
    no patient of the organisation reads so, InvalidInput when several do or the reason is too short, Conflict when an
    earlier access of the actor to this patient has not been reviewed, or when he cares for the patient anyway.
    """
    actor.require(Capability.EMERGENCY_OPEN)
    if actor.can(Capability.ADMIN_ACCESS):
        # Whatever the roles were made to say: accounts are administered without patients.
        raise Denied("emergency.open", "emergency")
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        detail = _("Say why in %(least)d to %(most)d characters.")
        limits = {"least": SHORTEST_REASON, "most": LONGEST_REASON}
        raise InvalidInput([FieldError("reason", "length", detail % limits)])
    found = _patient_named(actor, patient)
    _refuse_needless(actor, found)
    # What is sealed below must not meet a key that is just being renewed.
    found.key = PatientKey.objects.select_for_update(of=("self",)).get(patient=found)
    access = EmergencyAccess(
        organisation_id=actor.scope,
        patient=found,
        user=actor.account(),
        expires_at=timezone.now() + timedelta(minutes=settings.EMERGENCY_MINUTES),
    )
    access.reason = reason
    try:
        with transaction.atomic():
            access.save(force_insert=True)
    except IntegrityError as error:
        detail = _("You opened this patient’s cases before. A privacy officer has to review that first.")
        raise Conflict(detail) from error
    record_event(
        actor=actor,
        action="emergency.open",
        object_type="emergency",
        object_ids=[access.pk],
        patient_ids=[access.patient_id],
        details={"minutes": settings.EMERGENCY_MINUTES},
    )
    return access


def _patient_named(actor: Actor, text: str) -> Patient:
    found = list(
        Patient.objects.filter(named(actor=actor, text=text, path=""), organisation_id=actor.scope)[:2]
    )
    if not found:
        raise Denied("emergency.open", "patient")
    if len(found) > 1:
        detail = _("Several patients have this number; give the pseudonym.")
        raise InvalidInput([FieldError("patient", "ambiguous", detail)])
    return found[0]


def _refuse_needless(actor: Actor, patient: Patient) -> None:
    if EmergencyAccess.objects.filter(user_id=actor.person, patient=patient, reviewed_at=None).exists():
        return
    visible = list_cases(actor=actor).order_by().values("pk")
    if not patient.cases.exclude(pk__in=visible).exists():
        raise Conflict(_("You may see every case of this patient already."))


@transaction.atomic
def review_emergency(*, actor: Actor, access_id: UUID, is_justified: bool) -> EmergencyAccess:
    """Write down what a privacy officer thinks of it; an access that was not justified ends at once.

    Raises Denied when there is none in the organisation or it is the actor's own, Conflict when it was reviewed.
    """
    actor.require(Capability.EMERGENCY_REVIEW)
    rows = EmergencyAccess.objects.select_for_update(of=("self",)).select_related("patient__key")
    access = rows.filter(pk=access_id, organisation_id=actor.scope).exclude(user_id=actor.person).first()
    if access is None:
        raise Denied("emergency.review", "emergency", (access_id,))
    if access.reviewed_at is not None:
        raise Conflict(_("This was reviewed already."))
    access.reviewed_by, access.reviewed_at = actor.account(), timezone.now()
    access.is_justified = is_justified
    if not is_justified:
        access.expires_at = min(access.expires_at, access.reviewed_at)
    access.save(update_fields=["reviewed_by", "reviewed_at", "is_justified", "expires_at"])
    record_event(
        actor=actor,
        action="emergency.review",
        object_type="emergency",
        object_ids=[access.pk],
        patient_ids=[access.patient_id],
        details={"justified": is_justified},
    )
    return access


def list_emergencies(*, actor: Actor) -> QuerySet[EmergencyAccess]:
    """Every emergency access in the organisation for those who review them, newest first; else the actor's own."""
    rows = EmergencyAccess.objects.filter(organisation_id=actor.scope).select_related("user", "patient__key")
    if actor.can(Capability.EMERGENCY_REVIEW):
        return rows
    return rows.filter(user_id=actor.person) if actor.can(Capability.EMERGENCY_OPEN) else rows.none()


def newest_case(*, actor: Actor, access: EmergencyAccess) -> Case | None:
    """The case to show first."""
    return list_cases(actor=actor).filter(patient_id=access.patient_id).first()


def count_acts(*, accesses: list[EmergencyAccess]) -> dict[UUID, int]:
    """How many events there are under each of `accesses`, its opening included."""
    purposes = {f"emergency:{access.pk}": access.pk for access in accesses}
    rows = (
        AuditEvent.objects.filter(
            purpose__in=purposes, patient_ids__overlap=[access.patient_id for access in accesses]
        )
        .order_by()
        .values_list("purpose")
        .annotate(n=Count("pk"))
    )
    return {purposes[purpose]: n for purpose, n in rows}


@transaction.atomic
def read_emergencies(*, actor: Actor, accesses: list[EmergencyAccess]) -> None:
    """Record that the actor was shown `accesses` with their reasons."""
    record_event(
        actor=actor,
        action="emergency.list",
        object_type="emergency",
        object_ids=[access.pk for access in accesses],
        patient_ids=sorted({access.patient_id for access in accesses}),
    )
