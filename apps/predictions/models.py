"""The history of predictions; append-only in the database itself."""

from django.db import models

from apps.cases.models import Case
from apps.core.models import Record
from apps.knowledge.models import Disease
from apps.registry.models import ModelVersion


class Prediction(Record):
    """One answer of the engine: what went in, what came out, which model, who asked, how long it took."""

    organisation_id = models.UUIDField()
    case = models.ForeignKey(Case, models.PROTECT, null=True, related_name="predictions")
    requested_by_id = models.UUIDField()
    token_id = models.UUIDField(null=True)
    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="predictions")
    model_hash = models.CharField(max_length=64)
    input = models.JSONField(
        help_text='{"present": [HPO id], "absent": [HPO id], "age": ISO 8601, "sex": str}'
    )
    output = models.JSONField(help_text='{"ranking": [[disease id, probability]]}, best first')
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
