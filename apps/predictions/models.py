"""The history of predictions; append-only in the database itself."""

from django.db import models

from apps.accounts.models import Organisation
from apps.cases.models import Case
from apps.core.models import Record
from apps.knowledge.models import Disease
from apps.registry.models import ModelVersion


class Prediction(Record):
    """One answer of the engine: what went in, what came out, which model, who asked, how long it took.

    `input` has "uncertain", too, except in the oldest rows.
    """

    organisation_id = models.UUIDField()
    case = models.ForeignKey(Case, models.PROTECT, null=True, related_name="predictions")
    requested_by_id = models.UUIDField()
    token_id = models.UUIDField(null=True)
    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="predictions")
    model_hash = models.CharField(max_length=64)
    input = models.JSONField(
        help_text='{"present": [HPO id], "absent": [HPO id], "age": ISO 8601, "sex": str}'
    )
    # Only what the engine said; `apps.predictions.output` reads and writes it.
    output = models.JSONField(help_text='{"ranking": [[disease id, probability]], best first, "prior": ...}')
    notices = models.JSONField(default=list, help_text="what was changed in the input, and why")
    latency_ms = models.FloatField(help_text="time of the engine, in milliseconds")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation_id", "-id"]),
            models.Index(fields=["requested_by_id", "-id"]),
        ]


class Feedback(Record):
    """What turned out, said of one prediction: a disease, or none (then none of those listed was it)."""

    prediction = models.ForeignKey(Prediction, models.PROTECT, related_name="feedback")
    disease = models.ForeignKey(Disease, models.PROTECT, null=True, related_name="+")
    recorded_by_id = models.UUIDField()

    class Meta:
        ordering = ["-id"]


class ShadowScore(Record):
    """What a candidate said of the input of a prediction; no clinician sees it. Append-only, goes with its prediction.

    `same_first` and `shared_of_ten` compare it with the list that was shown. `error` is the name of what went wrong;
    there is no list then.
    """

    prediction = models.ForeignKey(Prediction, models.PROTECT, related_name="shadow_scores")
    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="shadow_scores")
    head = models.JSONField(default=list, help_text="[[disease id, probability]], best first, at most ten")
    same_first = models.BooleanField(null=True)
    shared_of_ten = models.PositiveSmallIntegerField(null=True)
    latency_ms = models.FloatField(null=True)
    error = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["prediction", "model"], name="shadow_score_once_a_model")
        ]
        indexes = [models.Index(fields=["model", "-id"], name="shadow_scores_of_model")]


class DefaultPrior(Record):
    """Which prior an organisation's predictions use unless another one is asked for. The newest row holds."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    name = models.CharField(max_length=12)
    set_by_id = models.UUIDField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"])]


class CaseMix(Record):
    """How many patients an organisation diagnosed with each disease. The newest row holds; predictions name theirs."""

    class Source(models.TextChoices):
        ENTERED = "entered"
        OUTCOMES = "outcomes"

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    counts = models.JSONField(help_text="{disease id: number of patients}")
    source = models.CharField(max_length=10, choices=Source)
    entered_by_id = models.UUIDField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"])]
