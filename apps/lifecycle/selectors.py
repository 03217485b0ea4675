"""Reading experiments."""

from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.accounts.selectors import in_each_organisation
from apps.cases.models import Outcome
from apps.cases.selectors import confirmed_cases
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED, JobState
from apps.core.problems import Denied
from apps.datasets.selectors import datasets_with, of_own_clinics
from apps.lifecycle.models import Experiment
from apps.registry.models import ModelVersion


def list_experiments(*, actor: Actor) -> QuerySet[Experiment]:
    """All experiments, newest first; they belong to the installation."""
    if not actor.can(Capability.MODEL_READ):
        return Experiment.objects.none()
    return Experiment.objects.select_related("model", "gates", "release")


def get_experiment(*, actor: Actor, experiment_id: UUID) -> Experiment:
    """One experiment; raises Denied when there is none."""
    experiment = list_experiments(actor=actor).filter(pk=experiment_id).first()
    if experiment is None:
        raise Denied("model.read", "experiment", (experiment_id,))
    return experiment


def experiment_of(*, model: ModelVersion) -> Experiment | None:
    """The newest experiment that made a model; None where it was registered by hand."""
    return Experiment.objects.filter(model=model, state=JobState.SUCCEEDED).first()


def unfinished_experiments() -> QuerySet[Experiment]:
    """Experiments that wait, or whose worker may have died."""
    return Experiment.objects.filter(state__in=UNFINISHED)


def is_experimenting() -> bool:
    """Whether one waits or is under way, so that no other can begin."""
    return unfinished_experiments().exists()


def any_confirmed_cases() -> bool:
    """Whether a case has a confirmed diagnosis and its patient agrees to model training."""
    return any(in_each_organisation(lambda _organisation_id: confirmed_cases().exists()))


def confirmed_since_last_training() -> int:
    """Diagnoses that were confirmed after the last experiment began that learned from the confirmed cases."""
    learned = Experiment.objects.filter(state=JobState.SUCCEEDED, datasets__in=of_own_clinics())
    last = learned.order_by("-started_at").first()
    outcomes = Outcome.objects.filter(disease__isnull=False)
    if last is not None and last.started_at is not None:
        outcomes = outcomes.filter(created_at__gt=last.started_at)
    return sum(in_each_organisation(lambda _organisation_id: outcomes.values("case_id").distinct().count()))


def models_due_for_retraining() -> set[int]:
    """Numbers of the models that learnt from somebody who was erased since, or would have but for holding him out."""
    due = Experiment.objects.filter(model__isnull=False, datasets__withdrawn_at__isnull=False)
    return set(due.values_list("model__number", flat=True))


def models_trained_on(*, patient_id: UUID) -> list[int]:
    """Numbers of the models whose data held the patient, in order."""
    due = Experiment.objects.filter(model__isnull=False, datasets__in=datasets_with(patient_id=patient_id))
    return sorted(set(due.values_list("model__number", flat=True)))
