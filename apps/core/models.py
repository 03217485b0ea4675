"""The base of every record."""

from django.db import models

from apps.core.identifiers import uuid7


class Record(models.Model):
    """A row with an opaque, time-ordered id and the moment it was made."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class AnsweredRequest(Record):
    """A POST that was answered under an `Idempotency-Key`, kept for `IDEMPOTENCY_HOURS` (ADR 24).

    Neither key nor body is here, only keyed digests of them (HMAC-SHA256, hexadecimal); `answer` is readable to nobody
    who does not hold both (AES-256-GCM; `apps.core.idempotency`).
    """

    organisation_id = models.UUIDField()
    account_id = models.UUIDField()
    key_digest = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=64)
    # That of the audit events, which name the patients: so an erasure finds the answers about one.
    request_id = models.CharField(max_length=64, default="")
    answer = models.BinaryField()

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "account_id", "key_digest"], name="answered_request_key"
            )
        ]
