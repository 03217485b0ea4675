"""Experiments, and what watching the running model found."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.jobs import Job, JobState
from apps.core.models import Record
from apps.datasets.models import DatasetVersion
from apps.knowledge.models import KnowledgeRelease
from apps.registry.gates import FAILED, INSUFFICIENT, PASSED
from apps.registry.models import GateReport, ModelVersion
from ml.monitoring.checks import Limits

_LIMITS = Limits()
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


def _between(least: float, most: float) -> list[Any]:
    return [MinValueValidator(least), MaxValueValidator(most)]


class MonitoringPolicy(models.Model):
    """One row: what is compared with what, from where on it alarms, and what follows. Its history is the audit trail's.

    The fields from `alpha` to `skew` are those of `ml.monitoring.checks.Limits`.
    """

    number = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    current_size = models.PositiveIntegerField(
        _("current window, in predictions"),
        default=200,
        validators=_between(50, 5_000),
        help_text=_(
            "The last so many predictions, one of each case. A report is made whenever so many are new."
        ),
    )
    current_days = models.PositiveSmallIntegerField(
        _("current window, in days"),
        null=True,
        blank=True,
        validators=_between(1, 365),
        help_text=_("Instead: all of the last so many days, at most 5,000 predictions. Empty: by number."),
    )
    reference_size = models.PositiveIntegerField(
        _("reference, in predictions"),
        default=1_000,
        validators=_between(50, 5_000),
        help_text=_(
            "The first so many predictions of the reference, with which the current ones are compared."
        ),
    )
    reference_since = models.DateTimeField(
        _("reference begins at"),
        null=True,
        blank=True,
        help_text=_(
            "Empty: when the running model was released, and only its own predictions. A moment: all predictions from "
            "then on, also those of other models."
        ),
    )
    outcomes_size = models.PositiveIntegerField(
        _("window of outcomes, in confirmed cases"),
        default=200,
        validators=_between(20, 5_000),
        help_text=_(
            "Outcomes come late, so they have a window of their own: the last so many confirmed cases."
        ),
    )
    skew_sample = models.PositiveSmallIntegerField(
        _("predictions computed again"),
        default=20,
        validators=_between(0, 200),
        help_text=_("Of each window, with the stored model, to compare serving with training. 0: none."),
    )
    alpha = models.FloatField(
        _("chance of a false alarm"),
        default=_LIMITS.alpha,
        validators=_between(0.0001, 0.2),
        help_text=_(
            "In a window without any change, of all input tests together, and of all tests of outcomes."
        ),
    )
    least_shift = models.FloatField(
        _("shift of a distribution that matters"),
        default=_LIMITS.least_shift,
        validators=_between(0.01, 1),
        help_text=_(
            "Of ages, numbers of findings, probabilities, sex, calibration: 0.1 is 10 percentage points."
        ),
    )
    least_share = models.FloatField(
        _("change of a share that matters"),
        default=_LIMITS.least_share,
        validators=_between(0.01, 1),
        help_text=_("Of a finding, of incomplete data, of top-1 and top-10: 0.05 is 5 percentage points."),
    )
    least_predictions = models.PositiveIntegerField(
        _("least number of predictions"),
        default=_LIMITS.least_predictions,
        validators=_between(20, 5_000),
        help_text=_("On each side; with fewer a check says that there is not enough evidence."),
    )
    least_outcomes = models.PositiveIntegerField(
        _("least number of outcomes"),
        default=_LIMITS.least_outcomes,
        validators=_between(20, 5_000),
        help_text=_("On each side, also of each group of patients."),
    )
    training_days = models.FloatField(
        _("age of the model that alarms, in days"),
        default=_LIMITS.training_days,
        validators=_between(1, 3_650),
    )
    knowledge_days = models.FloatField(
        _("age of its knowledge that alarms, in days"),
        default=_LIMITS.knowledge_days,
        validators=_between(1, 3_650),
        help_text=_("HPO has a release every one or two months."),
    )
    p99_ms = models.FloatField(
        _("time of an answer that alarms, in milliseconds"),
        default=_LIMITS.p99_ms,
        validators=_between(1, 60_000),
        help_text=_("Of the engine, the 99th percentile."),
    )
    error_share = models.FloatField(
        _("share of failed calls that alarms"),
        default=_LIMITS.error_share,
        validators=_between(0.0001, 0.5),
        help_text=_("Calls that the service could not answer: 0.01 is one in a hundred."),
    )
    skew = models.FloatField(
        _("difference between serving and training that alarms"),
        default=_LIMITS.skew,
        validators=_between(0, 0.1),
        help_text=_("Largest difference of a probability that was computed again."),
    )
    starts_on_drift = models.BooleanField(_("drift starts an experiment"), default=True)
    starts_on_quality = models.BooleanField(_("worse data start an experiment"), default=False)
    starts_on_outcomes = models.BooleanField(_("worse outcomes start an experiment"), default=True)
    starts_on_staleness = models.BooleanField(_("age of the model starts an experiment"), default=True)
    starts_on_knowledge = models.BooleanField(_("new knowledge starts an experiment"), default=True)
    starts_on_erasure = models.BooleanField(
        _("an erasure starts an experiment"),
        default=True,
        help_text=_("When the running model learnt from somebody who was erased since."),
    )
    cool_down_days = models.PositiveSmallIntegerField(
        _("days between automatic experiments"),
        default=7,
        validators=_between(0, 365),
        help_text=_("What would start one before that starts it afterwards, if it still holds."),
    )
    tells_by_email = models.BooleanField(
        _("alarms are told by e-mail"),
        default=True,
        help_text=_("To data scientists and administrators, if an SMTP server is set (EMAIL_HOST)."),
    )
    tells_by_webhook = models.BooleanField(
        _("alarms are told by webhook"), default=True, help_text=_("If one is set (ALERT_WEBHOOK).")
    )

    class Meta:
        verbose_name = _("monitoring policy")
        verbose_name_plural = _("monitoring policy")
        constraints = [models.CheckConstraint(condition=models.Q(number=1), name="one_monitoring_policy")]

    def __str__(self) -> str:
        return str(_("Monitoring policy"))

    def clean(self) -> None:
        """Windows that could never have enough evidence, and a reference that lies in the future."""
        wrong: dict[str, Any] = {}
        for size, least in (
            ("current_size", self.least_predictions),
            ("reference_size", self.least_predictions),
            ("outcomes_size", self.least_outcomes),
        ):
            held = getattr(self, size)
            if held is not None and least is not None and held < least:
                wrong[size] = _(
                    "A window of %(size)d never has the %(least)d that you ask for; make it larger, or ask for less."
                ) % {"size": held, "least": least}
        if self.reference_since and self.reference_since > timezone.now():
            wrong["reference_since"] = _("This is in the future: nothing could be compared with it yet.")
        if wrong:
            raise ValidationError(wrong)

    def limits(self) -> Limits:
        """As the checks take them."""
        return Limits(**{name: getattr(self, name) for name in Limits.__slots__})


class MonitoringReport(Record):
    """What one window of predictions said of the model that ran. Append-only; counts and shares, and nobody's id.

    `checks`: [{name, verdict, figure, threshold, reason, since}]; `since` is the moment of the report in which an alarm
    that still stands was first raised. `quality`: [{group, n, top_1, top_10, calibration}].
    """

    class Verdict(models.TextChoices):
        OK = "ok", _("nothing alarms")
        ALARM = "alarm", _("something alarms")
        INSUFFICIENT = "insufficient_evidence", _("not enough evidence")

    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="reports")
    requested_by_id = models.UUIDField(null=True)
    verdict = models.CharField(max_length=25, choices=Verdict)
    current_from = models.DateTimeField(null=True)
    current_until = models.DateTimeField(null=True)
    reference_from = models.DateTimeField(null=True)
    reference_until = models.DateTimeField(null=True)
    n_current = models.PositiveIntegerField()
    n_reference = models.PositiveIntegerField()
    n_outcomes = models.PositiveIntegerField()
    n_refused = models.PositiveIntegerField()
    n_failed = models.PositiveIntegerField()
    checks = models.JSONField()
    quality = models.JSONField()

    class Meta:
        ordering = ["-id"]


class MonitoringCheck(Job):
    """One look at the running model, which makes a report."""

    result = models.OneToOneField(MonitoringReport, models.PROTECT, null=True, related_name="+")

    class Meta(Job.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["pending", "running"]),
                name="one_monitoring_check_at_a_time",
            )
        ]


class FiredTrigger(Record):
    """Why an experiment was started by itself. Append-only: the same cause starts nothing a second time.

    `cause` names it: an alarm with the moment of its beginning, a release of the knowledge, an erasure, a version of
    data, a day on which enough cases were confirmed. The report is the one that alarmed.
    """

    kind = models.CharField(max_length=10, choices=Trigger)
    cause = models.CharField(max_length=250, unique=True)
    report = models.ForeignKey(MonitoringReport, models.PROTECT, null=True, related_name="triggers")
    experiment = models.ForeignKey(Experiment, models.PROTECT, related_name="triggers")

    class Meta:
        ordering = ["-id"]
