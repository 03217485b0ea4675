"""Asking for a verification of the trail, and doing it: long work that auditors watch."""

import logging
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from apps.audit.anchor import AnchorFailed, the_anchor
from apps.audit.models import Outcome, Verification
from apps.audit.origin import Nobody, Origin
from apps.audit.services import record_event
from apps.audit.verification import Report, verify_trail
from apps.core.jobs import JobState, only_worker
from apps.core.problems import Conflict

logger = logging.getLogger(__name__)


@transaction.atomic
def request_verification(*, actor: Origin) -> Verification:
    """Write a verification down for the workers. Raises Conflict while another one is under way."""
    run = Verification(requested_by_id=actor.user_id, organisation_id=actor.organisation_id)
    try:
        with transaction.atomic():
            run.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("A verification is under way already; its result is everybody’s.")) from error
    record_event(actor=actor, action="audit.verify", object_type="verification", object_ids=[run.pk])
    return run


def run_verification(*, run_id: UUID) -> None:
    """Compare the trail with its anchor, and write down what was found.

    Idempotent: one that has ended is left alone, one whose worker died begins again.
    """
    with only_worker(run_id) as may_work:
        run = Verification.objects.filter(pk=run_id).first()
        if not may_work or run is None or run.state in {JobState.SUCCEEDED, JobState.FAILED}:
            return
        run.begin()
        try:
            anchor = the_anchor()
            last = anchor.last()
            with _Progress(run_id) as progress:
                report = verify_trail(anchored=anchor.blocks(), last=last, say=progress)
        except AnchorFailed as error:
            _finish(run, None, f"The anchor cannot be read: {error}")
        except Exception as error:
            logger.exception("verification %s failed", run.pk)
            _finish(run, None, f"{type(error).__name__}: {error}")
        else:
            _finish(run, report)


@transaction.atomic
def _finish(run: Verification, report: Report | None, error: str = "") -> None:
    run.result = None if report is None else report.as_json()
    run.finish(error)
    record_event(
        actor=Nobody(run.organisation_id),
        action="audit.verified",
        outcome=Outcome.OK if report is not None and not report.n_findings else Outcome.FAILED,
        object_type="verification",
        object_ids=[run.pk],
        details={}
        if report is None
        else {"n_events": report.n_events, "n_blocks": report.n_blocks, "n_findings": report.n_findings},
    )
    if report is not None and report.n_findings:
        logger.error("the audit trail is not whole: see verification %s", run.pk)


class _Progress:
    """Writes how far a verification is over a connection of its own: the verification's is in the midst of one long
    transaction, out of which nobody would see it."""

    def __init__(self, run_id: UUID) -> None:
        self._run_id = run_id
        self._percent = 0
        self._aside = ThreadPoolExecutor(1)

    def __call__(self, number: int, until: int) -> None:
        percent = min(99, number * 100 // max(until, 1))
        if percent > self._percent:
            self._percent = percent
            self._aside.submit(self._write, percent, f"comparing {number} / {until}").result()

    def _write(self, percent: int, step: str) -> None:
        Verification.objects.filter(pk=self._run_id).update(progress=percent, step=step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Looked up over there: it is the connection of that thread.
        self._aside.submit(lambda: connection.close())
        self._aside.shutdown()
