"""Making dataset versions of the installation's own confirmed cases."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.selectors import in_each_organisation
from apps.audit.services import record_event
from apps.cases.models import Case
from apps.cases.selectors import confirmed_cases, split_findings
from apps.datasets.files import lock_files, write_version
from apps.datasets.models import DatasetVersion
from apps.datasets.rows import write_rows_of_patients
from apps.datasets.selectors import datasets_with
from apps.knowledge.models import Term
from ml.data.records import record_of
from ml.data.report import statistics_of
from ml.features.graph import LOCAL_PREFIX
from ml.serving.phenopacket import PacketCase


@transaction.atomic
def snapshot_confirmed_cases(*, actor: Actor) -> DatasetVersion:
    """Freeze all confirmed cases whose patients agree to training. The same cases give the same version.

    The file holds findings, age, sex and label under the case's opaque id; no pseudonym, no organisation.
    """
    lock_files()
    found = in_each_organisation(
        lambda organisation_id: [(organisation_id, case) for case in confirmed_cases()]
    )
    owned = sorted(chain.from_iterable(found), key=lambda pair: pair[1].pk)
    cases = [case for _organisation_id, case in owned]
    local = _local_findings(cases)
    packets = [_record(case, local) for case in cases]
    patients = [str(case.patient_id) for case in cases]
    # Training passes over whose case it is; erasure finds by it which files hold a patient.
    records = [
        record_of(packet) | {"patient": patient} for packet, patient in zip(packets, patients, strict=True)
    ]
    lines = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
    written = write_version("confirmed", lines.encode(), packets, patients)
    parent = DatasetVersion.objects.filter(source=None).first()
    dataset, created = DatasetVersion.objects.get_or_create(
        content_hash=written.content_hash,
        defaults={
            "path": str(written.path),
            "n_cases": len(cases),
            "n_rows": len(cases),
            "parent": parent,
            "made_by_id": actor.user_id,
            "statistics": statistics_of(packets),
        },
    )
    if created:
        rows = defaultdict(list)
        for (organisation_id, case), packet in zip(owned, packets, strict=True):
            rows[organisation_id].append((packet, case.patient_id))
        write_rows_of_patients(dataset, rows)
        record_event(
            actor=actor,
            action="dataset.create",
            object_type="dataset",
            object_ids=[dataset.pk],
            patient_ids=[case.patient_id for case in cases],
            details={"n_cases": len(cases), "content_hash": dataset.content_hash},
        )
    return dataset


@transaction.atomic
def withdraw_datasets(*, patient_id: UUID) -> None:
    """Mark the datasets that hold a case of the patient. Idempotent; the caller deletes the files and records it."""
    datasets_with(patient_id=patient_id).filter(withdrawn_at=None).update(withdrawn_at=timezone.now())


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
