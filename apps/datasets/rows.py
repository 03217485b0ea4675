"""The cases of a version as rows of the database."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from apps.accounts.selectors import in_each_organisation
from apps.datasets.models import DatasetCase, DatasetVersion
from apps.datasets.reports import storable
from ml.data.flat import flat_row
from ml.serving.phenopacket import PacketCase

_BATCH = 2000


def write_rows(version: DatasetVersion, cases: Iterable[PacketCase]) -> None:
    """Rows of cases that belong to no patient of this installation."""
    DatasetCase.objects.bulk_create((_row(version, case) for case in cases), batch_size=_BATCH)


def write_rows_of_patients(
    version: DatasetVersion, cases: Mapping[UUID, Sequence[tuple[PacketCase, UUID]]]
) -> None:
    """Rows of the installation's own cases: (case, id of the patient) by organisation, for each takes no other's."""

    def write(organisation_id: UUID) -> None:
        rows = (_row(version, case, patient_id=patient) for case, patient in cases.get(organisation_id, ()))
        DatasetCase.objects.bulk_create(rows, batch_size=_BATCH)

    in_each_organisation(write)


def delete_rows_of(*, case_id: UUID, patient_id: UUID) -> None:
    """Delete the rows of one case of this installation, which is being deleted itself."""
    DatasetCase.objects.filter(patient_id=patient_id, case_id=str(case_id)).delete()


def _row(version: DatasetVersion, case: PacketCase, **more: Any) -> DatasetCase:
    flat = flat_row(case)
    flat = storable(flat)
    return DatasetCase(
        dataset=version,
        case_id=flat["id"],
        sex=flat["sex"] or "",
        age_years=flat["age_years"],
        diagnoses=flat["diagnoses"],
        present=flat["present"],
        absent=flat["absent"],
        group=flat["group"] or (flat["publications"] or [""])[0],
        **more,
    )
