"""Model versions, what speaks for releasing them, who released them, and which one answers."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Record


class ModelVersion(Record):
    """An artefact in the model store. `number` counts up and is how people speak of it.

    `signature` is that of number and manifest (`apps.registry.signature`); "" in rows from before there were any.
    """

    number = models.PositiveIntegerField(unique=True)
    artefact_hash = models.CharField(max_length=64, unique=True)
    folder = models.CharField(max_length=1000)
    knowledge_version = models.CharField(max_length=80)
    manifest = models.JSONField()
    signature = models.CharField(max_length=64, default="")

    class Meta:
        ordering = ["-number"]


class GateReport(Record):
    """What the gates said of a model; append-only, the newest of a model holds."""

    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="gate_reports")
    results = models.JSONField(help_text="[{name, figure, threshold, verdict, reason}]")
    recorded_by_id = models.UUIDField(null=True)

    class Meta:
        ordering = ["-id"]


class Proposal(Record):
    """Somebody wants a model to answer: `share` percent of the requests, all of them or a canary's. Append-only."""

    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="proposals")
    gates = models.ForeignKey(GateReport, models.PROTECT, related_name="proposals")
    share = models.PositiveSmallIntegerField(default=100)
    proposed_by_id = models.UUIDField()
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(share__gte=1, share__lte=100), name="proposal_share_is_a_percentage"
            ),
            # What a decision's foreign key over both columns needs (migration 0004).
            models.UniqueConstraint(fields=["id", "proposed_by_id"], name="proposal_with_its_proposer"),
        ]


class Decision(Record):
    """Somebody else's answer to a proposal. Append-only.

    `proposed_by_id` is the proposal's, which a foreign key over both columns makes sure of: so the check below keeps
    everybody from approving what he proposed himself, whatever the application does.
    """

    proposal = models.OneToOneField(Proposal, models.PROTECT, related_name="decision")
    proposed_by_id = models.UUIDField()
    decided_by_id = models.UUIDField()
    is_approved = models.BooleanField()
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(decided_by_id=models.F("proposed_by_id")), name="decided_by_somebody_else"
            )
        ]


class Activation(Record):
    """From this moment on the model answers `share` percent of the requests.

    Append-only, so it tells which one did at any time. The newest row with 100 percent says which model answers; a
    newer one with less is a canary beside it.
    """

    class Kind(models.TextChoices):
        SYSTEM = "system", _("by the system, as shipped")
        PROMOTION = "promotion", _("released")
        CANARY = "canary", _("canary begun")
        CANARY_END = "canary_end", _("canary ended")
        ROLLBACK = "rollback", _("rolled back")

    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="activations")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SYSTEM)
    share = models.PositiveSmallIntegerField(default=100)
    decision = models.OneToOneField(Decision, models.PROTECT, null=True, related_name="activation")
    activated_by_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="canary", share__gte=1, share__lt=100)
                | (~models.Q(kind="canary") & models.Q(share=100)),
                name="canary_has_a_part",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["promotion", "canary"], decision__isnull=False)
                | (~models.Q(kind__in=["promotion", "canary"]) & models.Q(decision__isnull=True)),
                name="released_by_a_decision",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="system", activated_by_id__isnull=True)
                | (~models.Q(kind="system") & models.Q(activated_by_id__isnull=False)),
                name="released_by_somebody",
            ),
        ]


class Stop(Record):
    """From this moment on nothing is predicted, or it is again; append-only, the newest row holds."""

    is_stopped = models.BooleanField()
    set_by_id = models.UUIDField()
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["-id"]


class Shadow(Record):
    """From this moment on `model` scores beside what answers, and nobody is shown what it says; or it does no longer.

    Append-only, the newest row holds.
    """

    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="shadows")
    is_on = models.BooleanField()
    set_by_id = models.UUIDField()
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["-id"]
