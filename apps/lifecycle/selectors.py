"""Reading training runs."""

from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.accounts.selectors import in_each_organisation
from apps.cases.models import Outcome
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED, JobState
from apps.datasets.selectors import datasets_with
from apps.lifecycle.models import TrainingRun


def list_runs(*, actor: Actor) -> QuerySet[TrainingRun]:
    """All runs, newest first; they belong to the installation."""
    if not actor.can(Capability.MODEL_READ):
        return TrainingRun.objects.none()
    return TrainingRun.objects.select_related("dataset", "model")


def unfinished_runs() -> QuerySet[TrainingRun]:
    """Runs that wait, or whose worker may have died."""
    return TrainingRun.objects.filter(state__in=UNFINISHED)


def confirmed_since_last_training() -> int:
    """Diagnoses that were confirmed after the last successful training began."""
    last = TrainingRun.objects.filter(state=JobState.SUCCEEDED).order_by("-started_at").first()
    outcomes = Outcome.objects.filter(disease__isnull=False)
    if last is not None and last.started_at is not None:
        outcomes = outcomes.filter(created_at__gt=last.started_at)
    return sum(in_each_organisation(lambda _organisation_id: outcomes.values("case_id").distinct().count()))


def models_due_for_retraining() -> set[int]:
    """Numbers of the models that learnt from somebody who was erased since."""
    runs = TrainingRun.objects.filter(model__isnull=False, dataset__withdrawn_at__isnull=False)
    return set(runs.values_list("model__number", flat=True))


def models_trained_on(*, patient_id: UUID) -> list[int]:
    """Numbers of the models that learnt from the patient, in order."""
    runs = TrainingRun.objects.filter(model__isnull=False, dataset__in=datasets_with(patient_id=patient_id))
    return sorted(set(runs.values_list("model__number", flat=True)))
