"""Legal holds, and restrictions of processing (GDPR art. 18): placing, lifting, reading (ADR 31)."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.cases.models import Hold, Patient, PatientKey
from apps.cases.selectors import standing_holds
from apps.core.capabilities import Capability
from apps.core.problems import Conflict, Denied
from apps.privacy.selectors import unfinished_erasures


@transaction.atomic
def place_hold(*, actor: Actor, patient_id: UUID, kind: Hold.Kind, reason: str) -> Hold:
    """Keep the patient's data, or restrict them, from now on.

    Raises Denied; Conflict when one of this kind stands already, or an erasure of the patient can no longer be stopped.
    """
    patient = _locked_patient(actor, patient_id, "hold.place")
    if unfinished_erasures().filter(patient_id=patient.pk, ledgered_at__isnull=False).exists():
        raise Conflict(_("This patient is being erased already."))
    if standing_holds().filter(patient=patient, kind=kind).exists():
        raise Conflict(_("The patient’s data are under this already; lift it first to give another reason."))
    hold = Hold(
        organisation_id=patient.organisation_id, patient=patient, kind=kind, placed_by=actor.account()
    )
    hold.reason = reason
    hold.save(force_insert=True)
    _record(actor, "hold.place", hold)
    return hold


@transaction.atomic
def lift_hold(*, actor: Actor, hold_id: UUID, reason: str) -> Hold:
    """End it; the row stays and says why. Raises Denied, and Conflict when it was lifted before."""
    actor.require(Capability.PRIVACY_HOLD)
    found = Hold.objects.filter(pk=hold_id, organisation_id=actor.scope).first()
    if found is None:
        raise Denied("hold.lift", "hold", (hold_id,))
    patient = _locked_patient(actor, found.patient_id, "hold.lift")
    hold = Hold.objects.select_for_update(of=("self",)).get(pk=hold_id)
    if hold.lifted_at is not None:
        raise Conflict(_("This was lifted already."))
    hold.patient = patient
    hold.lifted_at, hold.lifted_by = timezone.now(), actor.account()
    hold.lift_reason = reason
    hold.save(update_fields=["lifted_at", "lifted_by", "sealed_lift_reason"])
    _record(actor, "hold.lift", hold)
    return hold


def _locked_patient(actor: Actor, patient_id: UUID, action: str) -> Patient:
    """Whoever deletes takes the same lock first; under the key's, what is sealed does not meet one just renewed."""
    actor.require(Capability.PRIVACY_HOLD)
    patients = Patient.objects.select_for_update(of=("self",))
    patient = patients.filter(pk=patient_id, organisation_id=actor.scope).first()
    if patient is None:
        raise Denied(action, "patient", (patient_id,))
    patient.key = PatientKey.objects.select_for_update(of=("self",)).get(patient=patient)
    return patient


def _record(actor: Actor, action: str, hold: Hold) -> None:
    record_event(
        actor=actor,
        action=action,
        object_type="hold",
        object_ids=[hold.pk],
        patient_ids=[hold.patient_id],
        details={"kind": hold.kind},
    )


@transaction.atomic
def read_hold(*, actor: Actor, hold_id: UUID) -> Hold:
    """One of the actor's organisation; the look leaves a trace. Raises Denied."""
    actor.require(Capability.PRIVACY_HOLD)
    hold = _with_people(Hold.objects.filter(pk=hold_id, organisation_id=actor.scope)).first()
    if hold is None:
        raise Denied("hold.read", "hold", (hold_id,))
    _record(actor, "hold.read", hold)
    return hold


@transaction.atomic
def read_standing_holds(*, actor: Actor, most: int) -> list[Hold]:
    """The newest `most` that stand in the actor's organisation; the look leaves a trace."""
    actor.require(Capability.PRIVACY_HOLD)
    holds = list(_with_people(standing_holds().filter(organisation_id=actor.scope))[:most])
    record_event(
        actor=actor,
        action="hold.list",
        object_type="hold",
        object_ids=[hold.pk for hold in holds],
        patient_ids=sorted({hold.patient_id for hold in holds}),
    )
    return holds


@transaction.atomic
def read_holds_of(*, actor: Actor, patient_id: UUID) -> list[Hold]:
    """Every one of a patient, newest first, lifted ones too; the look leaves a trace. Raises Denied."""
    actor.require(Capability.PRIVACY_HOLD)
    if not Patient.objects.filter(pk=patient_id, organisation_id=actor.scope).exists():
        raise Denied("hold.read", "patient", (patient_id,))
    holds = list(_with_people(Hold.objects.filter(patient_id=patient_id)))
    record_event(
        actor=actor,
        action="hold.read",
        object_type="patient",
        object_ids=[patient_id],
        patient_ids=[patient_id],
    )
    return holds


def _with_people(holds: QuerySet[Hold]) -> QuerySet[Hold]:
    return holds.select_related("patient__key", "placed_by", "lifted_by")
