"""The append-only trail."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from apps.core.identifiers import uuid7
from apps.core.jobs import Job


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
    purpose = models.CharField(max_length=100, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-sequence"]
        indexes = [
            models.Index(fields=["organisation_id", "-sequence"]),
            models.Index(fields=["actor_id", "-sequence"]),
            models.Index(fields=["action", "-sequence"]),
            GinIndex(fields=["patient_ids"]),
        ]


class PendingEvent(models.Model):
    """An event that waits to be sealed. A trigger writes it with the event, in the same transaction; no foreign key,
    so that no lock is taken."""

    sequence = models.BigIntegerField(primary_key=True)


class Block(models.Model):
    """A sealed block (append-only): a Merkle tree of events, chained to the block before by its hash."""

    number = models.BigIntegerField(primary_key=True)
    previous = models.CharField(max_length=64)
    root = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    sealed_at = models.CharField(max_length=27, help_text="UTC, ISO 8601: the text that was hashed")
    hash = models.CharField(max_length=64)


class Leaf(models.Model):
    """An event's place in its block (append-only)."""

    sequence = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField()
    block = models.BigIntegerField()
    position = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["block", "position"], name="audit_leaf_place")]


class AnchoredBlock(models.Model):
    """That a block was written to the anchor (append-only)."""

    number = models.BigIntegerField(primary_key=True)
    anchored_at = models.DateTimeField(db_default=Now())


class SealerState(models.Model):
    """One row: when the sealer last looked, and what failed then."""

    number = models.PositiveSmallIntegerField(primary_key=True, default=1)
    looked_at = models.DateTimeField()
    error = models.CharField(max_length=500, blank=True)


class Verification(Job):
    """One comparison of the whole trail with its anchor, which `apps.audit.verification` makes.

    `organisation_id` is that of the auditor who asked for it; None: the schedule. The trail is one for the whole
    installation, and so is what was found: numbers and opaque ids, and nothing of any organisation.
    """

    organisation_id = models.UUIDField(null=True)
    result = models.JSONField(null=True)

    class Meta(Job.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["pending", "running"]),
                name="one_verification_at_a_time",
            )
        ]
