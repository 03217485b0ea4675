"""Reading training runs."""

from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.accounts.selectors import in_each_organisation
from apps.cases.models import Outcome
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED, JobState
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
