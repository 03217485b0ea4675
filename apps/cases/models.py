"""Patients and cases."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from guardian.models import UserObjectPermissionBase

from apps.accounts.models import Organisation, User
from apps.core.encryption import Undecipherable, Wrapped, blind_index, key_provider, new_key, sealed
from apps.core.models import Record
from apps.knowledge.models import Disease, Term


class Sex(models.TextChoices):
    """Administrative sex as in GA4GH Phenopackets v2."""

    FEMALE = "female", _("female")
    MALE = "male", _("male")
    OTHER = "other", _("other")
    UNKNOWN = "unknown", _("unknown")


# Most characters of what says who a patient is, and of a case's note.
PERSON_LENGTHS = {"name": 200, "identifier": 80, "contact": 500, "note": 4000}


def pseudonym_index(organisation_id: UUID, text: str) -> bytes:
    """By which a patient is found whose pseudonym reads as `text`."""
    return blind_index("cases.patient.pseudonym", organisation_id, text)


def identifier_index(organisation_id: UUID, text: str) -> bytes:
    """By which patients are found whose medical record number reads as `text`."""
    return blind_index("cases.patient.identifier", organisation_id, text)


class PatientManager(models.Manager["Patient"]):
    """Ciphertext and key come in one statement, so that both are from before or from after a change of the key."""

    def get_queryset(self) -> models.QuerySet["Patient"]:
        return super().get_queryset().select_related("key")


class Patient(Record):
    """Somebody whom this system knows by a pseudonym, and by more only where the hospital enters it.

    All that says who it is stands in the `sealed_` columns, as ciphertext under the patient's own key.
    """

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="patients")
    sealed_pseudonym = models.BinaryField()
    pseudonym_index = models.BinaryField(max_length=32)
    sealed_name = models.BinaryField(default=b"")
    sealed_identifier = models.BinaryField(default=b"")
    identifier_index = models.BinaryField(max_length=32, null=True)
    sealed_contact = models.BinaryField(default=b"")
    sex = models.CharField(_("sex"), max_length=8, choices=Sex, default=Sex.UNKNOWN)

    objects = PatientManager()

    name = sealed("sealed_name")
    contact = sealed("sealed_contact")
    _pseudonym = sealed("sealed_pseudonym")
    _identifier = sealed("sealed_identifier")

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "pseudonym_index"], name="patient_pseudonym_once"
            ),
        ]
        indexes = [models.Index(fields=["identifier_index"], name="patient_identifier_index")]

    @property
    def pseudonym(self) -> str:
        """Unique in the organisation."""
        return self._pseudonym

    @pseudonym.setter
    def pseudonym(self, text: str) -> None:
        self._pseudonym = text
        self.pseudonym_index = pseudonym_index(self.organisation_id, text)

    @property
    def identifier(self) -> str:
        """The hospital's medical record number, or "". Two patients may have the same: a person may come twice."""
        return self._identifier

    @identifier.setter
    def identifier(self, text: str) -> None:
        self._identifier = text
        self.identifier_index = identifier_index(self.organisation_id, text) if text else None

    def data_key(self) -> bytes:
        """The key of all that is sealed about this patient; made with the patient, and stored when he is.

        Raises KeyMissing without the master key, and Undecipherable when the patient's key was destroyed.
        """
        if self._state.adding and "key" not in self._state.fields_cache:
            self.key = PatientKey.generate(self)
        try:
            return self.key.unwrap()
        except PatientKey.DoesNotExist:
            detail = gettext("The key of patient %(id)s was destroyed; what stood under it is gone.")
            raise Undecipherable(detail % {"id": self.pk}) from None

    def save(self, **options: Any) -> None:
        """A new patient is stored together with his key."""
        with transaction.atomic(savepoint=False):
            is_new = self._state.adding
            super().save(**options)
            if is_new:
                self.key.save(force_insert=True)


class PatientKey(models.Model):
    """The data key of one patient, wrapped by the master key `master_key`. Without this row nothing can be read.

    `born_under` is the master key that was current when the data key was made: one that is older than the current
    master key is due for renewal.
    """

    patient = models.OneToOneField(Patient, models.CASCADE, primary_key=True, related_name="key")
    master_key = models.CharField(max_length=40)
    born_under = models.CharField(max_length=40)
    wrapped = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["master_key"], name="patient_key_master"),
            models.Index(fields=["born_under"], name="patient_key_born_under"),
        ]

    @classmethod
    def generate(cls, patient: Patient) -> "PatientKey":
        """A new key for `patient`, not stored yet."""
        key = cls(patient=patient)
        key.renew()
        return key

    def renew(self) -> None:
        """Become another key. Whoever calls must seal again what stood under the old one, in one transaction."""
        self.wrap(new_key())
        self.born_under = self.master_key

    def wrap(self, data_key: bytes) -> None:
        """Be stored under the current master key."""
        wrapped = key_provider().wrap(data_key, self._context())
        self.master_key, self.wrapped = wrapped.key_id, wrapped.box

    def unwrap(self) -> bytes:
        """The data key itself. It is not kept here: a destroyed key is of no use to whoever reads the row anew."""
        return key_provider().unwrap(Wrapped(self.master_key, bytes(self.wrapped)), self._context())

    def _context(self) -> str:
        return f"cases.patientkey:{self.patient_id}"


class Case(Record):
    """One diagnostic question about a patient."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="cases")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="cases")
    age = models.CharField(
        _("age"), max_length=20, blank=True, help_text=_("ISO 8601 duration, such as P20Y or P6M")
    )
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    retain_until = models.DateTimeField()
    sealed_note = models.BinaryField(default=b"")

    note = sealed("sealed_note")

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        # Object permissions: granted per case to the members of its care team, through django-guardian.
        permissions = [("view_case", "See the case"), ("change_case", "Change the case")]
        indexes = [
            models.Index(fields=["organisation", "-id"]),
            models.Index(fields=["retain_until"]),
        ]

    def data_key(self) -> bytes:
        """That of the patient."""
        return self.patient.data_key()


class CaseUserObjectPermission(UserObjectPermissionBase):
    """guardian's permissions for cases, with a real foreign key: they go with the case and are quick to join."""

    content_object = models.ForeignKey(Case, models.CASCADE, related_name="care_team")


class EmergencyAccess(Record):
    """Somebody outside the care team opened the cases of one patient for a while, for a `reason` (ADR 30).

    No other one by the same account for the same patient while this one waits for a privacy officer's review.
    """

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="emergencies")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    sealed_reason = models.BinaryField()
    expires_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    is_justified = models.BooleanField(null=True)

    reason = sealed("sealed_reason")

    class Meta(Record.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "patient"],
                condition=models.Q(reviewed_at__isnull=True),
                name="emergency_once_until_reviewed",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__lte=models.F("created_at") + timedelta(minutes=60)),
                name="emergency_at_most_an_hour",
            ),
        ]
        indexes = [models.Index(fields=["user", "expires_at"], name="emergency_of_user")]

    def data_key(self) -> bytes:
        """That of the patient."""
        return self.patient.data_key()


class Hold(Record):
    """What keeps a patient's data from being deleted, or used: placed for a reason, until lifted for another (ADR 31).

    Under a legal hold nothing is deleted; a restriction (GDPR art. 18) lets data be stored and seen, and no more.
    """

    class Kind(models.TextChoices):
        LEGAL = "legal", _("legal hold")
        RESTRICTION = "restriction", _("restriction of processing")

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="holds")
    kind = models.CharField(max_length=12, choices=Kind)
    sealed_reason = models.BinaryField()
    placed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    sealed_lift_reason = models.BinaryField(default=b"")

    reason = sealed("sealed_reason")
    lift_reason = sealed("sealed_lift_reason")

    class Meta(Record.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "kind"],
                condition=models.Q(lifted_at__isnull=True),
                name="hold_stands_once_a_kind",
            )
        ]

    def data_key(self) -> bytes:
        """That of the patient."""
        return self.patient.data_key()


class RetentionPolicy(Record):
    """For how long an organisation keeps data, in days; the newest row holds, and without one the settings do."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    case_days = models.PositiveIntegerField(help_text="after a case was last changed")
    prediction_days = models.PositiveIntegerField(
        help_text="after a prediction that belongs to no case was made"
    )
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta(Record.Meta):
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"], name="retention_policy_newest")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(case_days__range=(1, 36_500), prediction_days__range=(1, 36_500)),
                name="retention_policy_bounds",
            )
        ]


# By `Finding.is_present`.
STATES = {True: "present", False: "absent", None: "uncertain"}


class Finding(models.Model):
    """A finding that the patient has, was examined for and has not, or of which nobody can say yet."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="findings")
    term = models.ForeignKey(Term, models.PROTECT, related_name="+")
    is_present = models.BooleanField(null=True, help_text="null: it came up, and is uncertain")
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["case", "term"], name="finding_once_a_case")]

    @property
    def state(self) -> str:
        """present, absent or uncertain."""
        return STATES[self.is_present]


class UnknownFinding(models.Model):
    """A finding that was asked for and that nobody could answer, so that it is not asked for again."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="unknown_findings")
    term = models.ForeignKey(Term, models.PROTECT, related_name="+")
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["case", "term"], name="unknown_finding_once_a_case")]


class Consent(Record):
    """An act: the patient agreed to one purpose, or did not, or no longer does. The newest one of a purpose holds.

    Append-only; rows go with the patient's key alone (ADR 28). `text` is what he was asked to agree to, and what he
    takes back; null, as is an empty `channel`, in acts from before they were recorded.
    """

    class Purpose(models.TextChoices):
        CARE = "care", _("care")
        TRAINING = "training", _("model training")
        RESEARCH = "research", _("research")

    class Channel(models.TextChoices):
        WRITTEN = "written", _("in writing")
        ORAL = "oral", _("by word of mouth")
        ELECTRONIC = "electronic", _("electronically")

    patient = models.ForeignKey(Patient, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=10, choices=Purpose)
    is_given = models.BooleanField()
    channel = models.CharField(max_length=10, choices=Channel, blank=True, default="")
    text = models.ForeignKey("ConsentText", models.PROTECT, null=True, related_name="+")
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["patient", "purpose", "-id"])]


class ConsentText(Record):
    """What patients are asked to agree to, from `valid_from` until the next version is valid (append-only).

    A version says the same in each language; all organisations of the installation use it.
    """

    purpose = models.CharField(max_length=10, choices=Consent.Purpose)
    version = models.PositiveIntegerField()
    language = models.CharField(max_length=5)
    text = models.TextField()
    valid_from = models.DateTimeField()

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(fields=["purpose", "version", "language"], name="consent_text_once")
        ]


class Outcome(Record):
    """The confirmed diagnosis of a case, or that it was none of those listed. The newest row holds."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="outcomes")
    disease = models.ForeignKey(Disease, models.PROTECT, null=True, related_name="+")
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-id"]


class RowVersion(models.Model):
    """What a row of a clinical table was from `changed_at` on, written by the database alone (ADR 33, append-only).

    `content` is the row by column, ciphertext as PostgreSQL writes bytes ("\\x01…"); null in what was deleted.
    `event_id` names the audit event of the same transaction; null: somebody wrote without the application. Versions go
    with their case or patient.
    """

    class Act(models.TextChoices):
        FOUND = "found", _("there when the history began")
        INSERT = "insert", _("entered")
        UPDATE = "update", _("changed")
        DELETE = "delete", _("deleted")

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    # No constraint: the database's own triggers delete what is the patient's.
    patient = models.ForeignKey(Patient, models.DO_NOTHING, db_constraint=False, related_name="+")
    case_id = models.UUIDField(null=True, help_text="null: it says something of the patient")
    table_name = models.CharField(max_length=63)
    row_id = models.CharField(max_length=36)
    act = models.CharField(max_length=6, choices=Act)
    content = models.JSONField(null=True)
    changed_at = models.DateTimeField()
    transaction = models.BigIntegerField()
    event_id = models.UUIDField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["case_id"], name="row_version_case"),
            models.Index(
                fields=["transaction"], condition=models.Q(event_id__isnull=True), name="row_version_unnamed"
            ),
        ]
