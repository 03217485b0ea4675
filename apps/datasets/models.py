"""Where data come from, each reading of them, the immutable dataset versions that they become, and their cases."""

import json

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.cases.models import Patient
from apps.core.encryption import Wrapped, key_provider, new_key, sealed
from apps.core.jobs import Job
from apps.core.models import Record


class DataSource(Record):
    """A configured source of cases (docs/data.md). It belongs to the installation, as datasets and models do."""

    class Format(models.TextChoices):
        RECORDS = "records", _("records")
        FHIR = "fhir", _("FHIR resources")

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=40)
    location = models.CharField(_("location"), max_length=1000, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    sealed_credentials = models.BinaryField(default=b"")
    # The data key of this source alone, wrapped; without credentials there is none.
    master_key = models.CharField(max_length=40, blank=True)
    wrapped_key = models.BinaryField(default=b"")
    format = models.CharField(_("format"), max_length=10, choices=Format, default=Format.RECORDS)
    shape = models.TextField(_("shape"), blank=True)
    finding_mappings = models.TextField(_("mapping set of findings"), blank=True)
    diagnosis_mappings = models.TextField(_("mapping set of diagnoses"), blank=True)
    error_budget = models.FloatField(
        _("error budget"), default=0.05, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    retrains = models.BooleanField(_("an accepted new version asks for a retraining"), default=False)
    every_hours = models.PositiveSmallIntegerField(_("ingest every … hours"), null=True, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_by_id = models.UUIDField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    _credentials = sealed("sealed_credentials")

    class Meta:
        ordering = ["name"]

    @property
    def credentials(self) -> dict[str, str]:
        """The secrets by name, for a connector; they are shown to nobody."""
        found: dict[str, str] = json.loads(self._credentials or "{}")
        return found

    @credentials.setter
    def credentials(self, values: dict[str, str]) -> None:
        self._credentials = json.dumps(values) if values else ""

    @property
    def has_credentials(self) -> bool:
        """Whether some are stored, which is all that is said of them."""
        return bool(self.sealed_credentials)

    def data_key(self) -> bytes:
        """The key of the credentials; made when it is first needed."""
        if not self.wrapped_key:
            self.wrap(new_key())
        return key_provider().unwrap(Wrapped(self.master_key, bytes(self.wrapped_key)), self._context())

    def wrap(self, data_key: bytes) -> None:
        """Have it stored under the current master key."""
        wrapped = key_provider().wrap(data_key, self._context())
        self.master_key, self.wrapped_key = wrapped.key_id, wrapped.box

    def _context(self) -> str:
        return f"datasets.datasource:{self.pk}"


class Ingestion(Job):
    """One reading of a source: what became of every row. `summary` has the figures, `ReportEntry` the rows."""

    source = models.ForeignKey(DataSource, models.PROTECT, related_name="ingestions")
    # A file that was uploaded for this ingestion: its name, and its SHA-256 in the snapshot.
    upload_name = models.CharField(max_length=255, blank=True)
    upload_hash = models.CharField(max_length=64, blank=True)
    version = models.ForeignKey("DatasetVersion", models.PROTECT, null=True, related_name="ingestions")
    # The same cases had been ingested before, so that no version was made.
    is_repeated = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True)
    summary = models.JSONField(default=dict)

    class Meta(Job.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"],
                condition=models.Q(state__in=["pending", "running"]),
                name="one_ingestion_of_a_source_at_a_time",
            )
        ]


class DatasetVersion(Record):
    """An immutable file of cases (GA4GH Phenopackets as JSON lines), named by the hash of its content.

    Beside it stand the same cases as Parquet and, as `DatasetCase`, in the database.
    """

    class State(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        QUARANTINED = "quarantined", _("quarantined")
        REJECTED = "rejected", _("rejected")

    content_hash = models.CharField(max_length=64, unique=True)
    path = models.CharField(max_length=1000)
    n_cases = models.PositiveIntegerField()
    # Since then its file is gone, because somebody in it was erased; models made from it are due for retraining.
    withdrawn_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=12, choices=State, default=State.ACCEPTED)
    # Without a source: the confirmed cases of this installation's own clinics.
    source = models.ForeignKey(DataSource, models.PROTECT, null=True, related_name="versions")
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children")
    n_rows = models.PositiveIntegerField(default=0)
    n_rejected = models.PositiveIntegerField(default=0)
    # Shares by which the source's next version is judged (`ml.data.report.statistics_of`).
    statistics = models.JSONField(default=dict)
    made_by_id = models.UUIDField(null=True)
    # By the policy of its source when it was accepted.
    asks_for_training = models.BooleanField(default=False)
    decided_by_id = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]


class ReportEntry(models.Model):
    """One line of an ingestion's report. `row` is 0 for a whole file; `before` and `after` are filled for repairs."""

    class Kind(models.TextChoices):
        REJECTED = "rejected", _("Rejected")
        REPAIRED = "repaired", _("Repaired")
        LEFT_OUT = "left_out", _("Left out")
        SUSPICIOUS = "suspicious", _("Suspicious")

    ingestion = models.ForeignKey(Ingestion, models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=10, choices=Kind)
    file = models.TextField(blank=True)
    row = models.PositiveIntegerField()
    why = models.TextField()
    field = models.TextField(blank=True)
    before = models.TextField(blank=True)
    after = models.TextField(null=True)  # noqa: DJ001 - null says "not given", "" would say an empty text

    class Meta:
        indexes = [models.Index(fields=["ingestion", "kind", "id"], name="report_entry_page")]


class DatasetCase(models.Model):
    """One case of a version, for looking at; training reads the file.

    `patient` is filled for this installation's own cases alone: their rows are hidden from other organisations, and go
    when he is erased, or with a case that is past its retention.
    """

    dataset = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="cases")
    patient = models.ForeignKey(Patient, models.CASCADE, null=True, related_name="+")
    # Of any length, for they are the sources' own.
    case_id = models.TextField()
    sex = models.TextField(blank=True)
    age_years = models.FloatField(null=True)
    diagnoses = ArrayField(models.TextField(), default=list)
    present = ArrayField(models.TextField(), default=list)
    absent = ArrayField(models.TextField(), default=list)
    group = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["dataset", "id"], name="dataset_case_page"),
            GinIndex(fields=["diagnoses"], name="dataset_case_diagnoses"),
            GinIndex(fields=["present", "absent"], name="dataset_case_findings"),
        ]


class MappingDraft(Job):
    """A sample of a source's records, what it seems to hold, and what somebody makes of it with the assistant's help.

    `profile` is that of `ml.data.profile`; `layout` what each column is, as proposed and corrected.
    """

    source = models.ForeignKey(DataSource, models.CASCADE, related_name="drafts")
    upload_name = models.CharField(max_length=255)
    upload_hash = models.CharField(max_length=64)
    profile = models.JSONField(default=list)
    layout = models.JSONField(default=dict)
    saved_at = models.DateTimeField(null=True)

    class Meta(Job.Meta):
        ordering = ["-id"]


class MappingProposal(models.Model):
    """What a code of the sample may mean. It maps nothing until a person confirms it."""

    class Kind(models.TextChoices):
        FINDING = "finding", _("finding")
        DIAGNOSIS = "diagnosis", _("diagnosis")

    class Relation(models.TextChoices):
        EXACT = "skos:exactMatch", _("means the same")
        BROAD = "skos:broadMatch", _("is a kind of it")

    draft = models.ForeignKey(MappingDraft, models.CASCADE, related_name="proposals")
    kind = models.CharField(max_length=10, choices=Kind)
    code = models.TextField()
    n_records = models.PositiveIntegerField()
    # Empty: nothing was found, or somebody said that there is nothing.
    target_id = models.CharField(max_length=30, blank=True)
    target_label = models.CharField(max_length=500, blank=True)
    relation = models.CharField(max_length=20, choices=Relation, default=Relation.EXACT)
    score = models.FloatField(default=0)
    # Through which name it was found.
    matched = models.CharField(max_length=500, blank=True)
    is_confirmed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "kind", "code"], name="mapping_proposal_once")
        ]
