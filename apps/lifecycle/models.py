"""Experiments."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.jobs import Job, JobState
from apps.datasets.models import DatasetVersion
from apps.knowledge.models import KnowledgeRelease
from apps.registry.gates import FAILED, INSUFFICIENT, PASSED
from apps.registry.models import GateReport, ModelVersion

CANCELLED = "cancelled"
STAGES = ("collect", "hold_out", "compare", "train", "register", "judge", "track")
ENGINE = "engine"  # `ml.training.trials.ENGINE`, which brings scikit-learn
# As in `ml.training.trials.CANDIDATES`, which a test compares.
CANDIDATES = {
    ENGINE: _("the engine: what will be released"),
    "naive_bayes": _("naive Bayes"),
    "logistic_regression": _("logistic regression"),
    "random_forest": _("random forest"),
    "gradient_boosting": _("gradient boosting"),
    "nearest_neighbours": _("nearest neighbours"),
}


class Trigger(models.TextChoices):
    PERSON = "person", _("a person")
    CASES = "cases", _("newly confirmed cases")
    DATA = "data", _("new data")
    DRIFT = "drift", _("drift or degradation")
    KNOWLEDGE = "knowledge", _("a new release of knowledge")
    ERASURE = "erasure", _("somebody in the data was erased")


class Experiment(Job):
    """Data, held-out cases, a comparison of algorithms, a trained candidate, and what the gates say of it.

    `datasets` are learned from; `takes_confirmed`: the confirmed cases of when it began, which then stand in
    `datasets`. `evaluation` judges; without one, cases of `datasets` are held out. `record` says what was run and what
    each step took, `comparison` what was measured (`ml.training.experiment`): they stay when the files go.
    """

    state = models.CharField(
        max_length=10, choices=[*JobState.choices, (CANCELLED, _("cancelled"))], default=JobState.PENDING
    )
    reason = models.CharField(max_length=300, blank=True)
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.PERSON)
    takes_confirmed = models.BooleanField(default=True)
    datasets = models.ManyToManyField(DatasetVersion, related_name="experiments")
    evaluation = models.ManyToManyField(DatasetVersion, related_name="judged")
    release = models.ForeignKey(KnowledgeRelease, models.PROTECT, null=True, related_name="experiments")
    candidates = models.JSONField(default=list)
    seed = models.PositiveIntegerField(default=0)
    trials = models.PositiveSmallIntegerField(default=10)
    folds = models.PositiveSmallIntegerField(default=5)
    cancel_asked_at = models.DateTimeField(null=True)
    model = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="experiments")
    gates = models.ForeignKey(GateReport, models.PROTECT, null=True, related_name="experiments")
    comparison = models.JSONField(null=True)
    record = models.JSONField(default=dict)

    class Meta(Job.Meta):
        ordering = ["-id"]
        constraints = [
            # Two experiments at once would only take each other's cores.
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["pending", "running"]),
                name="one_experiment_at_a_time",
            )
        ]

    @property
    def verdict(self) -> str:
        """What the gates say in all; "" before they were asked."""
        if self.gates is None:
            return ""
        verdicts = {result["verdict"] for result in self.gates.results}
        return FAILED if FAILED in verdicts else INSUFFICIENT if INSUFFICIENT in verdicts else PASSED

    @property
    def steps(self) -> list[tuple[str, dict[str, float]]]:
        """What each stage took, in the order in which they are done; JSON in PostgreSQL keeps none."""
        took = self.record.get("steps", {})
        return [(stage, took[stage]) for stage in STAGES if stage in took]

    @property
    def may_resume(self) -> bool:
        """Whether it ended before its end."""
        return self.state in {CANCELLED, JobState.FAILED}
