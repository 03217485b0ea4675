"""Alerts, and how they reached somebody."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Organisation
from apps.core.models import Record


class Kind(models.TextChoices):
    DENIALS = "denials", _("repeated denials")
    READING = "reading", _("mass reading")
    EMERGENCY = "emergency", _("emergency access")
    SEALING = "sealing", _("sealing of the audit trail fails")
    INTEGRITY = "integrity", _("the audit trail was changed")
    MONITORING = "monitoring", _("the running model drifts, fails or grows old")


class Alert(Record):
    """Something that people should look at. It names opaque ids and counts, and no patient.

    `account_id` is null when nobody was signed in, or nobody's doing it is. `event_id` is that of the one audit event
    that an alert is about; `n` is the count that reached a limit. `subject` names a check of the running model and the
    moment since when it alarms; `resolved_at` is when it was found to be well again.
    """

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    account_id = models.UUIDField(null=True)
    event_id = models.UUIDField(null=True, unique=True)
    n = models.PositiveIntegerField(default=0)
    subject = models.CharField(max_length=200, blank=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta(Record.Meta):
        ordering = ["-id"]
        indexes = [models.Index(fields=["kind", "-id"], name="alert_of_kind")]

    def body(self) -> dict[str, Any]:
        """What leaves the system of it."""
        return {
            "id": str(self.pk),
            "kind": self.kind,
            "raised_at": self.created_at.isoformat(timespec="milliseconds"),
            "organisation": str(self.organisation_id),
            "account": _text(self.account_id),
            "event": _text(self.event_id),
            "n": self.n,
            "minutes": settings.ALERT_WINDOW_MINUTES,
            "subject": self.subject or None,
        }


def _text(identifier: Any) -> str | None:
    return str(identifier) if identifier else None


class Channel(models.TextChoices):
    EMAIL = "email", _("e-mail")
    WEBHOOK = "webhook", _("webhook")


# Ever longer pauses up to an hour: about a day (apps/alerts/services.py).
MOST_ATTEMPTS = 32


class Delivery(Record):
    """One way of telling of an alert, tried again until it worked, or `MOST_ATTEMPTS` times."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=10, choices=Channel)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta(Record.Meta):
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["alert", "channel"], name="alert_once_a_channel")]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(delivered_at__isnull=True), name="alert_delivery_due"
            )
        ]

    @property
    def is_given_up(self) -> bool:
        """Whether it failed so often that it is not tried again."""
        return self.delivered_at is None and self.attempts >= MOST_ATTEMPTS
