"""Backfill: a key and ciphertext for every patient there is, in batches, each of them a transaction.

A run that was stopped goes on where it was. The plain pseudonym goes at once.
"""

from typing import Any
from uuid import UUID

from django.apps.registry import Apps
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from apps.core.encryption import Wrapped, blind_index, key_provider, new_key, open_sealed, seal

BATCH = 500
LONGEST = 80


def _place(patient_id: UUID) -> str:
    return f"cases.patient.sealed_pseudonym:{patient_id}"


def _context(patient_id: UUID) -> str:
    return f"cases.patientkey:{patient_id}"


def seal_all(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    Patient: Any = apps.get_model("cases", "Patient")
    while _seal_batch(apps, Patient):
        pass


@transaction.atomic
def _seal_batch(apps: Apps, Patient: Any) -> bool:
    PatientKey: Any = apps.get_model("cases", "PatientKey")
    batch = list(Patient.objects.filter(sealed_pseudonym=None).order_by("id")[:BATCH])
    keys = []
    for patient in batch:
        key = new_key()
        wrapped = key_provider().wrap(key, _context(patient.pk))
        keys.append(
            PatientKey(
                patient=patient, master_key=wrapped.key_id, born_under=wrapped.key_id, wrapped=wrapped.box
            )
        )
        text, index = _free(Patient, patient)
        patient.sealed_pseudonym = seal(key, text.encode(), _place(patient.pk))
        patient.pseudonym_index = index
        patient.pseudonym = None
        # One by one, so that the next one of the batch that reads alike sees this index.
        patient.save(update_fields=["sealed_pseudonym", "pseudonym_index", "pseudonym"])
    PatientKey.objects.bulk_create(keys)
    return bool(batch)


def _free(Patient: Any, patient: Any) -> tuple[str, bytes]:
    """The pseudonym and its index. What differed by case or white space alone reads alike now: the later one gets a
    number behind it, "K7-1 (2)"."""
    text, number = patient.pseudonym, 1
    while True:
        index = blind_index("cases.patient.pseudonym", patient.organisation_id, text)
        others = Patient.objects.filter(organisation_id=patient.organisation_id, pseudonym_index=index)
        if not others.exists():
            return text, index
        number += 1
        ending = f" ({number})"
        text = patient.pseudonym[: LONGEST - len(ending)] + ending


def open_all(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    Patient: Any = apps.get_model("cases", "Patient")
    for patient in Patient.objects.exclude(sealed_pseudonym=None).select_related("key").iterator():
        wrapped = Wrapped(patient.key.master_key, bytes(patient.key.wrapped))
        key = key_provider().unwrap(wrapped, _context(patient.pk))
        patient.pseudonym = open_sealed(key, bytes(patient.sealed_pseudonym), _place(patient.pk)).decode()
        patient.save(update_fields=["pseudonym"])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cases", "0004_sealed_columns")]

    operations = [migrations.RunPython(seal_all, open_all)]
