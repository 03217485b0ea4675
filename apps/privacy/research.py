"""De-identified exports of the cases whose patients agree to research (GDPR art. 89; ADR 36)."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import isodate
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.selectors import get_actor
from apps.audit.models import AuditEvent
from apps.audit.services import record_event
from apps.cases.models import Case, Consent, Patient
from apps.cases.selectors import all_consent, research_cases, split_findings
from apps.core.capabilities import Capability
from apps.core.identifiers import NOWHERE
from apps.core.jobs import UNFINISHED, JobState, only_worker
from apps.core.problems import Conflict, Denied
from apps.knowledge.models import Term
from apps.privacy.deidentification import (
    Deidentified,
    Encounter,
    Report,
    Subject,
    deidentify,
    smallest_group,
)
from apps.privacy.models import ResearchExport
from apps.privacy.research_content import pack

logger = logging.getLogger(__name__)


class NotAnonymous(Exception):
    """What was made does not keep to the k that was asked for."""


class ChangedMeanwhile(Exception):
    """Somebody in the export was erased, restricted or took his consent back while it was made."""


@transaction.atomic
def preview_research(*, actor: Actor, k: int, small_cells: str) -> Report:
    """What an export would be now: numbers, and the diseases that few patients have. Leaves an event."""
    actor.require(Capability.PRIVACY_RESEARCH)
    report = _deidentified(actor, k, small_cells).report
    record_event(
        actor=actor,
        action="research.preview",
        object_type="research",
        details={"k": k, "small_cells": small_cells, "n_patients": report.n_patients},
    )
    return report


@transaction.atomic
def request_research_export(
    *, actor: Actor, study: str, k: int, small_cells: str, language: str
) -> ResearchExport:
    """Write an export down for the workers. Raises Denied, or Conflict while one of the organisation is being made."""
    actor.require(Capability.PRIVACY_RESEARCH)
    if actor.organisation_id is None:
        raise Denied("research.request", "research")
    if ResearchExport.objects.filter(organisation_id=actor.scope, state__in=UNFINISHED).exists():
        raise Conflict(_("An export for research is being made already."))
    export = ResearchExport.objects.create(
        organisation_id=actor.organisation_id,
        requested_by_id=actor.user_id,
        study=study,
        k=k,
        small_cells=small_cells,
        language=language,
    )
    record_event(
        actor=actor,
        action="research.request",
        object_type="research",
        object_ids=[export.pk],
        details={"k": k, "small_cells": small_cells},
    )
    return export


def run_research_export(*, export_id: UUID) -> None:
    """Make an export that waits. Idempotent; what fails says so and may be asked for again."""
    with only_worker(export_id) as may_work:
        export = ResearchExport.objects.filter(pk=export_id).first()
        if not may_work or export is None or export.state not in UNFINISHED:
            return
        export.begin()
        try:
            with override(export.language):
                _make(export)
        except ChangedMeanwhile:
            # The next sweep makes it of those who are left.
            ResearchExport.objects.filter(pk=export_id).update(state=JobState.PENDING)
        except Exception as error:
            # Its type alone: what an error says may repeat a row.
            logger.error("research export %s could not be made: %s", export_id, type(error).__name__)
            export.finish(error=type(error).__name__)


def _make(export: ResearchExport) -> None:
    actor = get_actor(user=User.objects.get(pk=export.requested_by_id or NOWHERE))
    export.report(10, "gathering")
    made = _deidentified(actor, export.k, export.small_cells)
    if smallest_group(made.cases) < export.k:
        raise NotAnonymous
    export.report(60, "packing")
    packed = pack(made, study=export.study, small_cells=export.small_cells)
    with transaction.atomic():
        # Whoever erases or restricts takes these locks, too: he comes before, and is seen here, or finds the export.
        patients = Patient.objects.select_for_update(of=("self",)).filter(pk__in=made.patient_ids)
        list(patients.order_by("pk").values("pk"))
        if not _agree(made.patient_ids):
            raise ChangedMeanwhile
        export.content, export.n_patients = packed, len(made.patient_ids)
        export.expires_at = timezone.now() + timedelta(days=settings.ARCHIVE_DAYS)
        export.finish()
        record_event(
            actor=actor,
            action="research.create",
            object_type="research",
            object_ids=[export.pk],
            patient_ids=sorted(made.patient_ids),
            details={"k": export.k, "small_cells": export.small_cells, "n_cases": len(made.cases)},
        )


@transaction.atomic
def open_research_export(*, actor: Actor, export_id: UUID) -> bytes:
    """The zip itself. Raises Denied, and Conflict when it is not made yet, is gone, or is of somebody who disagrees."""
    export = _get(actor, export_id, "research.download")
    if export.state != JobState.SUCCEEDED:
        raise Conflict(_("The export is not made yet."))
    if export.is_expired:
        raise Conflict(_("The export has expired; make another one."))
    patient_ids = _patients_in(export.pk)
    if not export.content or not _agree(patient_ids):
        detail = _("Somebody in it was erased, restricted or took his consent back; make another export.")
        raise Conflict(detail)
    record_event(
        actor=actor,
        action="research.download",
        object_type="research",
        object_ids=[export.pk],
        patient_ids=patient_ids,
    )
    return bytes(export.content)


def get_research_export(*, actor: Actor, export_id: UUID) -> ResearchExport:
    """How far an export of the actor's organisation is; it says of no patient anything. Raises Denied."""
    return _get(actor, export_id, "research.read")


def _get(actor: Actor, export_id: UUID, action: str) -> ResearchExport:
    actor.require(Capability.PRIVACY_RESEARCH)
    export = ResearchExport.objects.filter(pk=export_id, organisation_id=actor.scope).first()
    if export is None:
        raise Denied(action, "research", (export_id,))
    return export


def exports_with(*, patient_id: UUID) -> list[ResearchExport]:
    """Those whose content is there and holds the patient; the audit trail tells, and outlives him."""
    made = AuditEvent.objects.filter(action="research.create", patient_ids__contains=[patient_id])
    ids = [export_id for event in made for export_id in event.object_ids]
    return list(ResearchExport.objects.filter(pk__in=ids).exclude(content=b"").defer("content"))


def withdraw_exports(exports: Iterable[ResearchExport]) -> None:
    """Delete their content for good. Idempotent."""
    ids = [export.pk for export in exports]
    ResearchExport.objects.filter(pk__in=ids).update(content=b"", withdrawn_at=timezone.now())


def look_after_exports() -> list[ResearchExport]:
    """Delete what has expired or holds somebody who no longer agrees; the exports that wait to be made.

    Of the organisation in whose scope this is called.
    """
    stored = ResearchExport.objects.exclude(content=b"").defer("content")
    stored.filter(expires_at__lte=timezone.now()).update(content=b"")
    withdraw_exports(export for export in stored if not _agree(_patients_in(export.pk)))
    return list(ResearchExport.objects.filter(state__in=UNFINISHED).defer("content"))


def _agree(patient_ids: Iterable[UUID]) -> bool:
    return all_consent(patient_ids=patient_ids, purpose=Consent.Purpose.RESEARCH)


def _patients_in(export_id: UUID) -> list[UUID]:
    return AuditEvent.objects.get(action="research.create", object_ids=[export_id]).patient_ids


def _deidentified(actor: Actor, k: int, small_cells: str) -> Deidentified:
    withholds = small_cells == ResearchExport.SmallCells.WITHHOLD
    parents = dict(Term.objects.values_list("id", "parents"))
    return deidentify(_subjects(actor), k=k, withholds=withholds, parents=parents)


def _subjects(actor: Actor) -> list[Subject]:
    encounters: dict[UUID, list[Encounter]] = defaultdict(list)
    sexes: dict[UUID, str] = {}
    for case in research_cases(actor=actor).select_related("patient").prefetch_related("findings"):
        encounters[case.patient_id].append(_encounter(case))
        sexes[case.patient_id] = case.patient.sex
    return [Subject(patient, sexes[patient], tuple(own)) for patient, own in encounters.items()]


def _encounter(case: Case) -> Encounter:
    known = vars(case)  # annotated by research_cases
    present, absent, uncertain = (tuple(ids) for ids in split_findings(case.findings.all()))
    disease = (known["diagnosis_id"], known["diagnosis"]) if known["diagnosis_id"] else None
    return Encounter(
        age=completed_years(case.age),
        entered=case.created_at.date(),
        confirmed=known["confirmed_at"].date() if disease else None,
        disease=disease,
        present=present,
        absent=absent,
        uncertain=uncertain,
    )


def completed_years(age: str) -> int | None:
    """Of an ISO 8601 duration; None of ""."""
    if not age:
        return None
    span = isodate.parse_duration(age, as_timedelta_if_possible=False)
    months = float(span.months) + span.tdelta.days / (365.25 / 12)
    return int(float(span.years) + months / 12)
