"""Reading sources, ingestions and dataset versions."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.core.problems import Denied
from apps.datasets.models import DatasetCase, DatasetVersion, DataSource, Ingestion, MappingDraft, ReportEntry

# Of the installation's own patients, groups of fewer are not counted out (as in exports for research, ADR 36).
FEWEST_COUNTED = 11


def datasets_with(*, patient_id: UUID) -> QuerySet[DatasetVersion]:
    """The datasets that hold, or held, a case of the patient.

    The audit trail tells: the event of making a dataset names each patient, and it outlives patient and file.
    """
    made = AuditEvent.objects.filter(action="dataset.create", patient_ids__contains=[patient_id])
    ids = [dataset_id for event in made for dataset_id in event.object_ids]
    return DatasetVersion.objects.filter(pk__in=ids)


def trainable_datasets() -> QuerySet[DatasetVersion]:
    """Versions that may be trained on: accepted, and with nobody in them who was erased since; newest first."""
    return DatasetVersion.objects.filter(withdrawn_at=None, state=DatasetVersion.State.ACCEPTED)


def of_own_clinics() -> QuerySet[DatasetVersion]:
    """Snapshots of confirmed cases."""
    return DatasetVersion.objects.filter(source=None)


def newest_for_training() -> QuerySet[DatasetVersion]:
    """Of each enabled source the newest version that may be trained on, where it asks for that by policy."""
    newest = (
        trainable_datasets()
        .filter(source__is_enabled=True)
        .order_by("source_id", "-id")
        .distinct("source_id")
    )
    return trainable_datasets().filter(pk__in=newest, asks_for_training=True).select_related("source")


def last_accepted(*, source: DataSource) -> DatasetVersion | None:
    """The newest version of a source that was accepted; the next one is judged by it."""
    return source.versions.filter(state=DatasetVersion.State.ACCEPTED).first()


def list_sources(*, actor: Actor) -> QuerySet[DataSource]:
    """All sources by name, each with when it was last read; they belong to the installation."""
    if not actor.can(Capability.DATASET_READ):
        return DataSource.objects.none()
    return DataSource.objects.annotate(last_read=Max("ingestions__created_at"))


def get_source(*, actor: Actor, source_id: UUID) -> DataSource:
    """One source. Raises Denied."""
    actor.require(Capability.DATASET_READ)
    source = DataSource.objects.filter(pk=source_id).first()
    if source is None:
        raise Denied("source.read", "source", (source_id,))
    return source


def list_versions(*, actor: Actor) -> QuerySet[DatasetVersion]:
    """All versions, newest first."""
    if not actor.can(Capability.DATASET_READ):
        return DatasetVersion.objects.none()
    return DatasetVersion.objects.select_related("source")


def get_version(*, actor: Actor, version_id: UUID) -> DatasetVersion:
    """One version. Raises Denied."""
    actor.require(Capability.DATASET_READ)
    version = DatasetVersion.objects.select_related("source", "parent").filter(pk=version_id).first()
    if version is None:
        raise Denied("dataset.read", "dataset", (version_id,))
    return version


def cases_of(
    *, version: DatasetVersion, sex: str = "", diagnosis: str = "", finding: str = ""
) -> QuerySet[DatasetCase]:
    """The rows of a version that have a sex, a diagnosis, a present finding; of its own patients those in scope."""
    rows = DatasetCase.objects.filter(dataset=version)
    if sex:
        rows = rows.filter(sex=sex)
    if diagnosis:
        rows = rows.filter(diagnoses__contains=[diagnosis])
    if finding:
        rows = rows.filter(present__contains=[finding])
    return rows


def list_ingestions(*, actor: Actor, source: DataSource | None = None) -> QuerySet[Ingestion]:
    """All ingestions, or those of one source, newest first."""
    if not actor.can(Capability.DATASET_READ):
        return Ingestion.objects.none()
    found = Ingestion.objects.select_related("source", "version")
    return found if source is None else found.filter(source=source)


def get_ingestion(*, actor: Actor, ingestion_id: UUID) -> Ingestion:
    """One ingestion. Raises Denied."""
    actor.require(Capability.DATASET_READ)
    found = Ingestion.objects.select_related("source", "version").filter(pk=ingestion_id).first()
    if found is None:
        raise Denied("ingestion.read", "ingestion", (ingestion_id,))
    return found


def entries_of(*, ingestion: Ingestion, kind: str) -> QuerySet[ReportEntry]:
    """The lines of one section of an ingestion's report."""
    return ReportEntry.objects.filter(ingestion=ingestion, kind=kind)


def ingestion_that_made(*, version: DatasetVersion) -> Ingestion | None:
    """The ingestion with the report on a version."""
    return version.ingestions.filter(is_repeated=False).order_by("id").first()


def unfinished_ingestions() -> QuerySet[Ingestion]:
    """Ingestions that wait, or whose worker may have died."""
    return Ingestion.objects.filter(state__in=UNFINISHED)


def sources_due() -> list[DataSource]:
    """Enabled sources that are to be read every so many hours, and were not for so long."""
    sources = DataSource.objects.filter(is_enabled=True, every_hours__isnull=False)
    sources = sources.annotate(last_read=Max("ingestions__created_at"))
    now = timezone.now()

    def is_due(source: Any) -> bool:
        return source.last_read is None or now - source.last_read >= timedelta(hours=source.every_hours)

    return [source for source in sources if is_due(source)]


def get_draft(*, actor: Actor, draft_id: UUID) -> MappingDraft:
    """One draft of a mapping. Raises Denied."""
    actor.require(Capability.DATASET_WRITE)
    draft = MappingDraft.objects.select_related("source").filter(pk=draft_id).first()
    if draft is None:
        raise Denied("mapping.read", "mapping", (draft_id,))
    return draft


def unfinished_drafts() -> QuerySet[MappingDraft]:
    """Drafts whose sample waits to be read, or whose worker may have died."""
    return MappingDraft.objects.filter(state__in=UNFINISHED)
