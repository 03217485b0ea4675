"""Celery's doors to the services."""

from uuid import UUID

from celery import shared_task

from apps.accounts.actors import SYSTEM
from apps.core.problems import Conflict
from apps.datasets.ingestion import request_ingestion, run_ingestion
from apps.datasets.mapping import run_draft
from apps.datasets.selectors import sources_due, unfinished_drafts, unfinished_ingestions


@shared_task(name="datasets.ingest")
def ingest(ingestion_id: str) -> None:
    """Do one ingestion."""
    run_ingestion(ingestion_id=UUID(ingestion_id))


@shared_task(name="datasets.profile_sample")
def profile_sample(draft_id: str) -> None:
    """Read one sample for the mapping assistant."""
    run_draft(draft_id=UUID(draft_id))


@shared_task(name="datasets.resume_pending")
def resume_pending() -> None:
    """Queue again what the broker lost or a killed worker left behind."""
    for ingestion in unfinished_ingestions():
        ingest.delay(str(ingestion.pk))
    for draft in unfinished_drafts():
        profile_sample.delay(str(draft.pk))


@shared_task(name="datasets.schedule_ingestions")
def schedule_ingestions() -> None:
    """Read the sources whose time has come."""
    for source in sources_due():
        try:
            ingestion = request_ingestion(actor=SYSTEM, source_id=source.pk)
        except Conflict:
            continue
        ingest.delay(str(ingestion.pk))
