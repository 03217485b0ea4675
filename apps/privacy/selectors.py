"""Reading retention runs, what is due, and erasures."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.cases.models import Case, Hold, Patient
from apps.cases.selectors import named, standing_holds
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.core.problems import Denied
from apps.privacy.models import AccessArchive, Erasure, RetentionRun


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


def held_cases(*, organisation_id: UUID) -> QuerySet[Case]:
    """The cases past their retention that a legal hold or a restriction keeps."""
    return _past_retention(organisation_id).filter(patient__in=_held_patients())


def _past_retention(organisation_id: UUID) -> QuerySet[Case]:
    due = Case.objects.filter(retain_until__lte=timezone.now(), organisation_id=organisation_id)
    return due.order_by("retain_until")


def _held_patients() -> QuerySet[Hold, UUID]:
    return standing_holds().values_list("patient_id", flat=True)


def count_expired(*, actor: Actor) -> int:
    """How many cases of the actor's organisation are due."""
    if not actor.can(Capability.PRIVACY_READ):
        return 0
    return expired_cases(organisation_id=actor.scope).count()


def count_held(*, actor: Actor) -> int:
    """How many cases of the actor's organisation would be due, but are held."""
    if not actor.can(Capability.PRIVACY_READ):
        return 0
    return held_cases(organisation_id=actor.scope).count()


def list_erasures(*, actor: Actor) -> QuerySet[Erasure]:
    """The erasures of the actor's organisation, newest first."""
    if not actor.can(Capability.PRIVACY_READ):
        return Erasure.objects.none()
    return Erasure.objects.filter(organisation_id=actor.scope)


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
