"""Model versions and their activations."""

from django.db import models

from apps.core.models import Record


class ModelVersion(Record):
    """An artefact in the model store. `number` counts up and is how people speak of it."""

    number = models.PositiveIntegerField(unique=True)
    artefact_hash = models.CharField(max_length=64, unique=True)
    folder = models.CharField(max_length=1000)
    knowledge_version = models.CharField(max_length=80)
    manifest = models.JSONField()

    class Meta:
        ordering = ["-number"]


class Activation(Record):
    """From this moment on the model answers; append-only, so it tells which one did at any time. Newest wins."""

    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="activations")
    activated_by_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
