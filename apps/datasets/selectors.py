"""Reading dataset versions."""

from uuid import UUID

from django.db.models import QuerySet

from apps.audit.models import AuditEvent
from apps.datasets.models import DatasetVersion


def datasets_with(*, patient_id: UUID) -> QuerySet[DatasetVersion]:
    """The datasets that hold, or held, a case of the patient.

    The audit trail tells: the event of making a dataset names each patient, and it outlives patient and file.
    """
    made = AuditEvent.objects.filter(action="dataset.create", patient_ids__contains=[patient_id])
    ids = [dataset_id for event in made for dataset_id in event.object_ids]
    return DatasetVersion.objects.filter(pk__in=ids)


def trainable_datasets() -> QuerySet[DatasetVersion]:
    """What may be learned from: the versions from which nobody was erased, newest first."""
    return DatasetVersion.objects.filter(withdrawn_at=None)
