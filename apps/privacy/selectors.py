"""Reading retention runs, what is due, and erasures."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.cases.models import Case, Hold, Patient
from apps.cases.retention import Limits, limits_of
from apps.cases.selectors import named, standing_holds
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.core.problems import Denied
from apps.predictions.models import Prediction
from apps.privacy.models import AccessArchive, Erasure, ResearchExport, RetentionRun


def list_retention_runs(*, actor: Actor) -> QuerySet[RetentionRun]:
    """The runs of the actor's organisation, newest first."""
    if not actor.can(Capability.PRIVACY_READ):
        return RetentionRun.objects.none()
    return RetentionRun.objects.filter(organisation_id=actor.scope)


def unfinished_retention_runs() -> QuerySet[RetentionRun]:
    """Runs of the organisation in whose scope this is called that wait, or whose worker may have died."""
    return RetentionRun.objects.filter(state__in=UNFINISHED)


def expired_cases(*, organisation_id: UUID) -> QuerySet[Case]:
    """The cases of an organisation that are past their retention and not held, longest due first."""
    return _past_retention(organisation_id).exclude(patient__in=_held_patients())


def _past_retention(organisation_id: UUID) -> QuerySet[Case]:
    due = Case.objects.filter(retain_until__lte=timezone.now(), organisation_id=organisation_id)
    return due.order_by("retain_until")


def _held_patients() -> QuerySet[Hold, UUID]:
    return standing_holds().values_list("patient_id", flat=True)


@dataclass(frozen=True, slots=True)
class Due:
    """What a sweep would delete now, and what it would pass over because it is held."""

    n_cases: int
    n_held: int
    n_predictions: int

    def __bool__(self) -> bool:
        return bool(self.n_cases or self.n_predictions)


def count_due(*, organisation_id: UUID) -> Due:
    """What the next sweep over the organisation would delete: the same rows, and no others."""
    return Due(
        expired_cases(organisation_id=organisation_id).count(),
        _past_retention(organisation_id).filter(patient__in=_held_patients()).count(),
        expired_predictions(organisation_id=organisation_id).count(),
    )


def count_due_under(*, organisation_id: UUID, limits: Limits) -> Due:
    """What would be due were these the limits, which nobody has set yet."""
    now = timezone.now()
    cases = Case.objects.filter(
        organisation_id=organisation_id, updated_at__lte=now - timedelta(days=limits.case_days)
    )
    return Due(
        cases.exclude(patient__in=_held_patients()).count(),
        cases.filter(patient__in=_held_patients()).count(),
        _made_before(organisation_id, limits.prediction_days).count(),
    )


def expired_predictions(*, organisation_id: UUID) -> QuerySet[Prediction]:
    """Predictions of an organisation that belong to no case and are past their retention."""
    return _made_before(organisation_id, limits_of(organisation_id=organisation_id).prediction_days)


def _made_before(organisation_id: UUID, days: int) -> QuerySet[Prediction]:
    before = timezone.now() - timedelta(days=days)
    return Prediction.objects.filter(
        organisation_id=organisation_id, case__isnull=True, created_at__lte=before
    )


def unfinished_erasures() -> QuerySet[Erasure]:
    """Erasures that wait, or whose worker may have died."""
    return Erasure.objects.filter(state__in=UNFINISHED)


def find_patients(*, actor: Actor, text: str, capability: Capability) -> list[Patient]:
    """Patients of the actor's organisation by a whole pseudonym or medical record number; needs `capability`."""
    actor.require(capability)
    return list(Patient.objects.filter(named(actor=actor, text=text, path=""), organisation_id=actor.scope))


def get_erasable_patient(*, actor: Actor, patient_id: UUID) -> Patient:
    """A patient of the actor's organisation, for those who may erase him; raises Denied."""
    actor.require(Capability.PRIVACY_ERASE)
    patient = Patient.objects.filter(pk=patient_id, organisation_id=actor.scope).first()
    if patient is None:
        raise Denied("patient.erase", "patient", (patient_id,))
    return patient


def is_held(*, patient_id: UUID) -> bool:
    """Whether a legal hold or a restriction keeps the patient's data."""
    return standing_holds().filter(patient_id=patient_id).exists()


def list_archives(*, actor: Actor, patient_id: UUID) -> QuerySet[AccessArchive]:
    """The archives of one patient of the actor's organisation, newest first, without their content."""
    if not actor.can(Capability.PRIVACY_EXPORT):
        return AccessArchive.objects.none()
    archives = AccessArchive.objects.filter(organisation_id=actor.scope, patient_id=patient_id)
    return archives.defer("sealed_content")


def unfinished_archives() -> QuerySet[AccessArchive]:
    """Archives of the organisation in whose scope this is called that wait, or whose worker may have died."""
    return AccessArchive.objects.filter(state__in=UNFINISHED)


def list_research_exports(*, actor: Actor) -> QuerySet[ResearchExport]:
    """The exports for research of the actor's organisation, newest first, without their content."""
    if not actor.can(Capability.PRIVACY_RESEARCH):
        return ResearchExport.objects.none()
    return ResearchExport.objects.filter(organisation_id=actor.scope).defer("content")
