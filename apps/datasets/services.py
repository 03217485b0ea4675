"""Making dataset versions."""

import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
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
from apps.knowledge.models import Term
from ml.data.records import record_of
from ml.features.graph import LOCAL_PREFIX
from ml.serving.phenopacket import PacketCase

_LOCK = 0x484F4F46_44415441  # "HOOFDATA": files are made, or deleted, by one at a time


@transaction.atomic
def snapshot_confirmed_cases(*, actor: Actor) -> DatasetVersion:
    """Freeze all confirmed cases whose patients agree to training. The same cases give the same version.

    The file holds findings, age, sex and label under the case's opaque id; no pseudonym, no organisation.
    """
    _lock_files()
    found = in_each_organisation(lambda _organisation_id: list(confirmed_cases()))
    cases = sorted(chain.from_iterable(found), key=lambda case: case.pk)
    local = _local_findings(cases)
    # Training passes over whose case it is; erasure finds by it which files hold a patient.
    records = [record_of(_record(case, local)) | {"patient": str(case.patient_id)} for case in cases]
    lines = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
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
        if holds_patient(path, patient_id)
    ]


@transaction.atomic
def withdraw_datasets(*, patient_id: UUID) -> None:
    """Mark the datasets that hold a case of the patient. Idempotent; the caller deletes the files and records it."""
    datasets_with(patient_id=patient_id).filter(withdrawn_at=None).update(withdrawn_at=timezone.now())


def holds_patient(path: Path, patient_id: UUID) -> bool:
    """Whether a record of a file of cases names the patient."""
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


def _local_findings(cases: Iterable[Case]) -> dict[str, Term]:
    """What the cases have of findings that HPO lacks, by id."""
    ids = {finding.term_id for case in cases for finding in case.findings.all()}
    return Term.objects.in_bulk([identity for identity in ids if identity.startswith(LOCAL_PREFIX)])


def _record(case: Case, local: Mapping[str, Term]) -> PacketCase:
    """Just what training reads. No group: models keep those, and the patient's id has no business there."""
    present, absent, uncertain = (tuple(ids) for ids in split_findings(case.findings.all()))
    own = [local[identity] for identity in (*present, *absent, *uncertain) if identity in local]
    diagnosis = vars(case)  # annotated by confirmed_cases
    return PacketCase(
        id=str(case.pk),
        present=present,
        absent=absent,
        uncertain=uncertain,
        age=case.age or None,
        sex=case.patient.sex,
        diseases=(diagnosis["diagnosis_id"],),
        publications=(),
        labels={diagnosis["diagnosis_id"]: diagnosis["diagnosis"]} | {term.pk: term.label for term in own},
        local={term.pk: tuple(term.parents) for term in own},
    )
