"""The append-only trail."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from apps.core.identifiers import uuid7


class Outcome(models.TextChoices):
    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"


class AuditEvent(models.Model):
    """One act. No foreign keys: the trail must stand when the things it speaks of are gone."""

    sequence = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=uuid7, unique=True, editable=False)
    occurred_at = models.DateTimeField(db_default=Now())
    organisation_id = models.UUIDField(null=True)
    actor_id = models.UUIDField(null=True)
    roles = ArrayField(models.CharField(max_length=40), default=list)
    token_id = models.UUIDField(null=True)
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=10, choices=Outcome)
    object_type = models.CharField(max_length=40, blank=True)
    object_ids = ArrayField(models.UUIDField(), default=list)
    patient_ids = ArrayField(models.UUIDField(), default=list)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    purpose = models.CharField(max_length=40, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-sequence"]
        indexes = [
            models.Index(fields=["organisation_id", "-sequence"]),
            models.Index(fields=["actor_id", "-sequence"]),
            models.Index(fields=["action", "-sequence"]),
            GinIndex(fields=["patient_ids"]),
        ]
