"""Making dataset versions."""

import gzip
import hashlib
import json
import os
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.selectors import in_each_organisation
from apps.audit.services import record_event
from apps.cases.models import Case
from apps.cases.selectors import confirmed_cases, split_findings
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import datasets_with

_LOCK = 0x484F4F46_44415441  # "HOOFDATA": files are made, or deleted, by one at a time


@transaction.atomic
def snapshot_confirmed_cases(*, actor: Actor) -> DatasetVersion:
    """Freeze all confirmed cases whose patients agree to training. The same cases give the same version.

    The file holds findings, age, sex and label under the case's opaque id; no pseudonym, no organisation.
    """
    _lock_files()
    found = in_each_organisation(lambda _organisation_id: list(confirmed_cases()))
    cases = sorted(chain.from_iterable(found), key=lambda case: case.pk)
    lines = "".join(json.dumps(_phenopacket(case), sort_keys=True) + "\n" for case in cases)
    content = gzip.compress(lines.encode(), mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    path = settings.DATA_STORE / f"confirmed-{digest[:16]}.jsonl.gz"
    _write_once(path, content)
    dataset, created = DatasetVersion.objects.get_or_create(
        content_hash=digest, defaults={"path": str(path.resolve()), "n_cases": len(cases)}
    )
    if created:
        record_event(
            actor=actor,
            action="dataset.create",
            object_type="dataset",
            object_ids=[dataset.pk],
            patient_ids=[case.patient_id for case in cases],
            details={"n_cases": len(cases), "content_hash": digest},
        )
    return dataset


def files_with(*, patient_id: UUID) -> list[Path]:
    """The stored files with a case of the patient, also those of which the database knows nothing.

    Until the caller's transaction ends no new one is written.
    """
    _lock_files()
    folder = settings.DATA_STORE
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.glob("*.jsonl.gz*")) + sorted(folder.glob(".*.gz.*"))
        if _holds(path, patient_id)
    ]


@transaction.atomic
def withdraw_datasets(*, patient_id: UUID) -> None:
    """Mark the datasets that hold a case of the patient. Idempotent; the caller deletes the files and records it."""
    datasets_with(patient_id=patient_id).filter(withdrawn_at=None).update(withdrawn_at=timezone.now())


def _holds(path: Path, patient_id: UUID) -> bool:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return any(str(patient_id) in line for line in lines)
    except EOFError:
        # What a killed process left half written serves nobody, and may hold him.
        return True


def _lock_files() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _write_once(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        half = path.with_name(f".{path.name}.{os.getpid()}")
        half.write_bytes(content)
        half.chmod(0o440)
        half.replace(path)


def _phenopacket(case: Case) -> dict[str, Any]:
    """GA4GH Phenopacket v2, just the parts that training reads."""
    present, absent, _uncertain = split_findings(case.findings.all())
    subject: dict[str, Any] = {"id": str(case.patient_id), "sex": _PHENOPACKET_SEX[case.patient.sex]}
    if case.age:
        subject["timeAtLastEncounter"] = {"age": {"iso8601duration": case.age}}
    disease = {
        "id": vars(case)["diagnosis_id"],
        "label": vars(case)["diagnosis"],
    }  # annotated by confirmed_cases
    return {
        "id": str(case.pk),
        "subject": subject,
        "phenotypicFeatures": [{"type": {"id": term_id}} for term_id in present]
        + [{"type": {"id": term_id}, "excluded": True} for term_id in absent],
        "interpretations": [
            {
                "id": str(case.pk),
                "progressStatus": "SOLVED",
                "diagnosis": {"disease": disease},
            }
        ],
        "metaData": {"phenopacketSchemaVersion": "2.0"},
    }


_PHENOPACKET_SEX = {"female": "FEMALE", "male": "MALE", "other": "OTHER_SEX", "unknown": "UNKNOWN_SEX"}
