"""One reading of a source: asked for, done by a worker, and what becomes of it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import SYSTEM, Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED, JobState, only_worker
from apps.core.problems import Conflict, Denied, FieldError, InvalidInput
from apps.datasets.checking import connection_of, shape_of, takes_uploads_only
from apps.datasets.files import SOURCES, keep_upload, lock_files, write_version
from apps.datasets.models import DatasetVersion, DataSource, Ingestion
from apps.datasets.reports import keep_report
from apps.datasets.rows import write_rows
from apps.datasets.selectors import last_accepted
from apps.knowledge.selectors import current_release
from ml.data.connectors import Blob, open_source
from ml.data.snapshot import blob_of
from ml.errors import EngineError
from ml.serving.phenopacket import LineError

logger = logging.getLogger(__name__)


class Cancelled(Exception):
    """Somebody wants the ingestion to stop."""


@transaction.atomic
def request_ingestion(*, actor: Actor, source_id: UUID, upload: tuple[str, bytes] | None = None) -> Ingestion:
    """Write an ingestion down for the workers; `upload`: name and content of a file to read in place of the source.

    Raises Denied, InvalidInput, Unavailable, and Conflict while the source is disabled or being read.
    """
    if actor is not SYSTEM:
        actor.require(Capability.DATASET_WRITE)
    source = DataSource.objects.filter(pk=source_id).first()
    if source is None:
        raise Denied("source.ingest", "source", (source_id,))
    if not source.is_enabled:
        raise Conflict(_("This source is disabled; enable it first."))
    if upload is None and takes_uploads_only(source):
        raise InvalidInput(
            [FieldError("upload", "required", _("This source has no location: choose a file."))]
        )
    if upload is not None and not upload[1]:
        raise InvalidInput([FieldError("upload", "empty", _("The file is empty."))])
    ingestion = Ingestion(source=source, requested_by_id=actor.user_id)
    if upload is not None:
        ingestion.upload_name, ingestion.upload_hash = upload[0][-255:], keep_upload(upload[1])
    try:
        with transaction.atomic():
            ingestion.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("This source is being read already; wait until that has ended.")) from error
    record_event(
        actor=actor,
        action="source.ingest",
        object_type="ingestion",
        object_ids=[ingestion.pk, source.pk],
        details={"upload": ingestion.upload_hash},
    )
    return ingestion


@transaction.atomic
def cancel_ingestion(*, actor: Actor, ingestion_id: UUID) -> Ingestion:
    """Stop one that waits at once, one that runs at its next step. Raises Denied, and Conflict when it has ended."""
    actor.require(Capability.DATASET_WRITE)
    ingestion = Ingestion.objects.select_for_update().filter(pk=ingestion_id).first()
    if ingestion is None:
        raise Denied("ingestion.cancel", "ingestion", (ingestion_id,))
    if ingestion.state not in UNFINISHED:
        raise Conflict(_("It has ended already."))
    ingestion.cancelled_at = timezone.now()
    ingestion.save(update_fields=["cancelled_at"])
    if ingestion.state == JobState.PENDING:
        ingestion.finish(error="cancelled")
    record_event(actor=actor, action="source.cancel", object_type="ingestion", object_ids=[ingestion.pk])
    return ingestion


def run_ingestion(*, ingestion_id: UUID) -> None:
    """Read, validate, make a version. Idempotent: what has ended is left alone, what was interrupted begins anew."""
    with only_worker(ingestion_id) as may_work:
        ingestion = Ingestion.objects.select_related("source").filter(pk=ingestion_id).first()
        if not may_work or ingestion is None or ingestion.state not in UNFINISHED:
            return
        ingestion.begin()
        try:
            _ingest(ingestion)
        except Cancelled:
            ingestion.finish(error="cancelled")
        except Exception as error:
            # What ml.data says holds neither credentials nor what a server wrote; other errors may hold anything.
            known = isinstance(error, EngineError | Conflict | ValueError)
            logger.error("ingestion %s failed: %s", ingestion_id, type(error).__name__)
            ingestion.finish(error=str(error) if known else type(error).__name__)
            record_event(
                actor=SYSTEM, action="source.fail", object_type="ingestion", object_ids=[ingestion_id]
            )


class _Progress:
    """Says each step to those who watch, and asks whether to go on."""

    _PERCENT = {"reading": 10, "validating": 60, "saving": 75}

    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion = ingestion

    def __call__(self, step: str) -> None:
        if Ingestion.objects.filter(pk=self._ingestion.pk, cancelled_at__isnull=False).exists():
            raise Cancelled
        self._ingestion.report(self._PERCENT.get(step.split()[0], self._ingestion.progress), step[:200])


def _ingest(ingestion: Ingestion) -> None:
    # Bring pandas and pandera, so only where and when data are read.
    from ml.data.ingest import ingest
    from ml.data.report import Policy
    from ml.text.extractor import Extractor, read_terms

    source, say = ingestion.source, _Progress(ingestion)
    release = current_release()
    if release is None:
        raise Conflict("No knowledge is loaded; run `manage.py load_knowledge` first.")
    say("preparing")
    shape, last = shape_of(source), last_accepted(source=source)
    blobs: Iterator[Blob | LineError]
    if ingestion.upload_hash:
        blobs = iter([Blob(ingestion.upload_name, blob_of(settings.RAW_STORE, ingestion.upload_hash))])
    else:
        blobs = open_source(connection_of(source))
    ingested = ingest(
        blobs,
        shape,
        snapshot=settings.RAW_STORE,
        form=source.format,
        terms=read_terms(Path(release.folder)),
        extractor=Extractor.load(Path(release.folder)) if shape is not None and shape.notes else None,
        last=last.statistics if last else None,
        policy=Policy(error_budget=source.error_budget),
        say=say,
    )
    say("saving")
    report = ingested.report
    with transaction.atomic():
        lock_files()
        keep_report(ingestion, report)
        if ingested.cases:
            written = write_version(f"{SOURCES}/cases", ingested.lines(), ingested.cases)
            version = DatasetVersion.objects.filter(content_hash=written.content_hash).first()
            ingestion.is_repeated = version is not None
            if version is None:
                version = DatasetVersion.objects.create(
                    content_hash=written.content_hash,
                    path=str(written.path),
                    n_cases=len(ingested.cases),
                    state=DatasetVersion.State.ACCEPTED
                    if report.is_accepted
                    else DatasetVersion.State.QUARANTINED,
                    source=source,
                    parent=last,
                    n_rows=report.n_rows,
                    n_rejected=len(report.rejected),
                    statistics=dict(report.statistics),
                    made_by_id=ingestion.requested_by_id,
                    asks_for_training=source.retrains and report.is_accepted,
                )
                write_rows(version, ingested.cases)
            ingestion.version = version
        ingestion.finish()
        record_event(
            actor=SYSTEM,
            action="dataset.ingest",
            object_type="dataset",
            object_ids=[ingestion.pk, source.pk, *([ingestion.version.pk] if ingestion.version else [])],
            details={
                "state": "accepted" if report.is_accepted else "quarantined",
                "n_cases": len(ingested.cases),
                "n_rejected": len(report.rejected),
                "repeated": ingestion.is_repeated,
            },
        )
