"""Celery's doors to the services."""

from uuid import UUID

from celery import shared_task

from apps.accounts.actors import SYSTEM
from apps.accounts.selectors import in_each_organisation
from apps.privacy.archive import forget_expired_archives, run_archive
from apps.privacy.erasure import run_erasure
from apps.privacy.research import look_after_exports, run_research_export
from apps.privacy.selectors import (
    count_due,
    unfinished_archives,
    unfinished_erasures,
    unfinished_retention_runs,
)
from apps.privacy.services import run_purge, schedule_purge


@shared_task(name="privacy.purge_expired")
def purge_expired(run_id: str) -> None:
    """Do one retention run."""
    run_purge(run_id=UUID(run_id))


@shared_task(name="privacy.resume_pending")
def resume_pending() -> None:
    """Queue again what the broker lost or a killed worker left behind."""

    def resume(_organisation_id: UUID) -> None:
        for run in unfinished_retention_runs():
            purge_expired.delay(str(run.pk))

    in_each_organisation(resume)


@shared_task(name="privacy.schedule_purge")
def schedule_purges() -> None:
    """The daily sweep, one run an organisation that has work."""

    def schedule(organisation_id: UUID) -> None:
        if count_due(organisation_id=organisation_id):
            purge_expired.delay(str(schedule_purge(actor=SYSTEM, organisation_id=organisation_id).pk))

    in_each_organisation(schedule)


@shared_task(name="privacy.erase_patient")
def erase(erasure_id: str) -> None:
    """Do one erasure."""
    run_erasure(erasure_id=UUID(erasure_id))


@shared_task(name="privacy.resume_erasures")
def resume_erasures() -> None:
    """Queue again what the broker lost, or what a crash or an error interrupted."""

    def resume(_organisation_id: UUID) -> None:
        for erasure in unfinished_erasures():
            erase.delay(str(erasure.pk))

    in_each_organisation(resume)


@shared_task(name="privacy.make_archive")
def make_archive(archive_id: str) -> None:
    """Make one archive."""
    run_archive(archive_id=UUID(archive_id))


@shared_task(name="privacy.look_after_archives")
def look_after_archives() -> None:
    """Queue again what was interrupted, and forget what has expired; exports for research, too."""

    def look_after(_organisation_id: UUID) -> None:
        forget_expired_archives()
        for archive in unfinished_archives():
            make_archive.delay(str(archive.pk))
        for export in look_after_exports():
            make_research_export.delay(str(export.pk))

    in_each_organisation(look_after)


@shared_task(name="privacy.make_research_export")
def make_research_export(export_id: str) -> None:
    """Make one de-identified export."""
    run_research_export(export_id=UUID(export_id))
