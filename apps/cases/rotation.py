"""Giving the patients' keys another master key, or the patients other keys, while requests go on."""

from collections.abc import Callable, Mapping
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.accounts.selectors import in_each_organisation
from apps.audit.origin import Origin
from apps.audit.services import record_event
from apps.cases.models import Case, EmergencyAccess, Hold, Patient, PatientKey
from apps.core.encryption import key_provider

R = TypeVar("R", EmergencyAccess, Hold)

# Who wants to change a patient waits for his batch: against a remote provider, some 10 ms a key and call.
BATCH = 100
_PATIENT_TEXTS = ("_pseudonym", "_identifier", "name", "contact")
_PATIENT_COLUMNS = ("sealed_pseudonym", "sealed_identifier", "sealed_name", "sealed_contact")


def count_due(*, renew: bool) -> int:
    """Number of keys that `rotate_keys` has still to do."""
    return sum(in_each_organisation(lambda _organisation_id: _count_due(renew)))


def _count_due(renew: bool) -> int:
    return PatientKey.objects.filter(_due(renew)).count()


def rotate_keys(*, actor: Origin, renew: bool, report: Callable[[int], None]) -> int:
    """Wrap every patient's key by the current master key; `renew`: give him a new key, too, and seal anew under it.

    A batch is of one organisation, and a transaction with one event. Readers never wait, and a run that was stopped
    goes on where it was, for what is done is no longer due. Calls `report` with the number of keys of each batch;
    returns their sum. Raises KeyMissing when the key provider lacks a key that is still in use, or fails.
    """

    def rotate(_organisation_id: UUID) -> int:
        done = 0
        while due := list(
            PatientKey.objects.filter(_due(renew)).order_by("pk").values_list("pk", flat=True)[:BATCH]
        ):
            batch = _rotate_batch(actor, due, renew)
            done += batch
            report(batch)
        return done

    return sum(in_each_organisation(rotate))


def _due(renew: bool) -> Q:
    current = key_provider().current()
    due = ~Q(master_key=current)
    return due | ~Q(born_under=current) if renew else due


@transaction.atomic
def _rotate_batch(actor: Origin, due: list[UUID], renew: bool) -> int:
    # In the order in which everybody locks: case, patient, key.
    cases, patients = (_cases(due), _patients(due)) if renew else ([], [])
    # Another run may have done some of them meanwhile.
    locked = PatientKey.objects.select_for_update().filter(_due(renew), pk__in=due).order_by("pk")
    keys = {key.patient_id: key for key in locked}
    if renew:
        _renew(keys, patients, cases)
    else:
        for key in keys.values():
            key.wrap(key.unwrap())
    PatientKey.objects.bulk_update(keys.values(), ["master_key", "born_under", "wrapped"])
    record_event(
        actor=actor,
        action="key.rotate",
        object_type="key",
        patient_ids=sorted(keys),
        details={"n_patients": len(keys), "n_left": _count_due(renew), "renewed": renew},
    )
    return len(keys)


def _cases(patient_ids: list[UUID]) -> list[Case]:
    return list(Case.objects.select_for_update().filter(patient_id__in=patient_ids).order_by("pk"))


def _patients(patient_ids: list[UUID]) -> list[Patient]:
    return list(Patient.objects.select_for_update(of=("self",)).filter(pk__in=patient_ids).order_by("pk"))


def _renew(keys: Mapping[UUID, PatientKey], patients: list[Patient], cases: list[Case]) -> None:
    by_id = {patient.pk: patient for patient in patients if patient.pk in keys}
    noted = [case for case in cases if case.sealed_note and case.patient_id in keys]
    for patient in by_id.values():
        # Not the key that came with the row: the lock may have had to wait for somebody who changed both.
        patient.key = keys[patient.pk]
    for case in noted:
        case.patient = by_id[case.patient_id]
    texts = {patient.pk: [getattr(patient, name) for name in _PATIENT_TEXTS] for patient in by_id.values()}
    notes = [case.note for case in noted]
    reasons = [(access, access.reason) for access in _of_patients(EmergencyAccess, by_id)]
    holds = [(hold, hold.reason, hold.lift_reason) for hold in _of_patients(Hold, by_id)]
    for key in keys.values():
        key.renew()
    for patient in by_id.values():
        for name, text in zip(_PATIENT_TEXTS, texts[patient.pk], strict=True):
            setattr(patient, name, text)
    for case, note in zip(noted, notes, strict=True):
        case.note = note
    Patient.objects.bulk_update(by_id.values(), _PATIENT_COLUMNS)
    Case.objects.bulk_update(noted, ["sealed_note"])
    for access, reason in reasons:
        access.reason = reason
    EmergencyAccess.objects.bulk_update([access for access, _reason in reasons], ["sealed_reason"])
    for hold, reason, lift_reason in holds:
        hold.reason, hold.lift_reason = reason, lift_reason
    Hold.objects.bulk_update([row[0] for row in holds], ["sealed_reason", "sealed_lift_reason"])


def _of_patients(model: type[R], patients: Mapping[UUID, Patient]) -> list[R]:
    """The rows about `patients`; a new one waits for the lock on its patient's key."""
    found = list(
        model._default_manager.select_for_update().filter(patient_id__in=list(patients)).order_by("pk")
    )
    for row in found:
        row.patient = patients[row.patient_id]
    return found
