"""Retention runs, erasures, archives for patients, and exports for research."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Organisation
from apps.cases.models import Patient
from apps.core.encryption import open_sealed, seal
from apps.core.jobs import Job


class RetentionRun(Job):
    """One sweep over what an organisation has kept for long enough: cases, and predictions without a case."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    n_due = models.PositiveIntegerField(default=0)
    n_deleted = models.PositiveIntegerField(default=0)
    n_predictions = models.PositiveIntegerField(default=0, help_text="deleted ones that belonged to no case")

    class Meta(Job.Meta):
        ordering = ["-id"]


class Erasure(Job):
    """The erasure of one patient (GDPR art. 17): what was asked, and the receipt of what was deleted.

    No foreign key to the patient, for this row outlives him. It is done when, and only when, `state` says so.
    """

    class Reason(models.TextChoices):
        """Art. 17(1)(a) to (e); codes and no free text, which could name somebody."""

        NOT_NEEDED = "not_needed", _("the data are no longer needed")
        CONSENT_WITHDRAWN = "consent_withdrawn", _("consent was withdrawn")
        OBJECTION = "objection", _("the patient objects")
        UNLAWFUL = "unlawful", _("the data were processed unlawfully")
        OBLIGATION = "obligation", _("a law demands it")

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    patient_id = models.UUIDField()
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    # A replay keeps no ledger entry of its own: it does again what this one says.
    replay_of = models.UUIDField(null=True)
    # From this moment on nothing stops it any more; the ledger gets its entry next.
    ledgered_at = models.DateTimeField(null=True)
    rows = models.JSONField(default=dict, help_text="{table: rows deleted}")
    files = models.JSONField(
        default=list,
        help_text="names of the files of training cases and exports for research that were deleted",
    )
    model_numbers = models.JSONField(
        default=list, help_text="numbers of the models that learnt from the patient"
    )

    class Meta(Job.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient_id"],
                condition=models.Q(state__in=["pending", "running"]),
                name="one_erasure_at_a_time",
            )
        ]

    @property
    def n_rows(self) -> int:
        """Rows deleted, of all tables."""
        return sum(self.rows.values())


class AccessArchive(Job):
    """An archive of all that is held about a patient (GDPR art. 15 and 20), sealed under his key until it expires."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="+")
    language = models.CharField(max_length=8)
    sealed_content = models.BinaryField(default=b"")
    expires_at = models.DateTimeField(null=True)

    class Meta(Job.Meta):
        ordering = ["-id"]

    @property
    def content(self) -> bytes:
        """The zip. Raises Undecipherable when the patient's key is another one by now."""
        return open_sealed(self.patient.data_key(), bytes(self.sealed_content), self._place())

    @content.setter
    def content(self, packed: bytes) -> None:
        self.sealed_content = seal(self.patient.data_key(), packed, self._place())

    @property
    def is_expired(self) -> bool:
        """Whether it may no longer be downloaded."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def _place(self) -> str:
        return f"privacy.accessarchive.sealed_content:{self.pk}"


class ResearchExport(Job):
    """A de-identified export of the cases whose patients agree to research (ADR 36), kept until it expires.

    Whom it is about says its audit event alone; when one of them is erased or takes his consent back, it is withdrawn.
    """

    class SmallCells(models.TextChoices):
        """What becomes of diseases and findings that fewer than `k` patients have."""

        WITHHOLD = "withhold", _("not named: the diagnosis is withheld, findings are named more generally")
        KEEP = "keep", _("named as recorded, which may tell who a patient is")

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    language = models.CharField(max_length=8)
    study = models.CharField(max_length=200)
    k = models.PositiveSmallIntegerField()
    small_cells = models.CharField(max_length=8, choices=SmallCells)
    n_patients = models.PositiveIntegerField(default=0)
    content = models.BinaryField(default=b"")
    expires_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta(Job.Meta):
        ordering = ["-id"]

    @property
    def is_expired(self) -> bool:
        """Whether it may no longer be downloaded because its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()
