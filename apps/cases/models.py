"""Patients and cases."""

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from guardian.models import UserObjectPermissionBase

from apps.accounts.models import Organisation, User
from apps.core.models import Record
from apps.knowledge.models import Disease, Term


class Sex(models.TextChoices):
    """Administrative sex as in GA4GH Phenopackets v2."""

    FEMALE = "female", _("female")
    MALE = "male", _("male")
    OTHER = "other", _("other")
    UNKNOWN = "unknown", _("unknown")


class Patient(Record):
    """Somebody known to this system by a pseudonym alone."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="patients")
    pseudonym = models.CharField(_("pseudonym"), max_length=80)
    sex = models.CharField(_("sex"), max_length=8, choices=Sex, default=Sex.UNKNOWN)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "pseudonym"], name="patient_pseudonym_unique"),
        ]
        indexes = [models.Index(Lower("pseudonym"), "organisation", name="patient_pseudonym_lower")]


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

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        # Object permissions: granted per case to the members of its care team, through django-guardian.
        permissions = [("view_case", "See the case"), ("change_case", "Change the case")]
        indexes = [
            models.Index(fields=["organisation", "-id"]),
            models.Index(fields=["retain_until"]),
        ]


class CaseUserObjectPermission(UserObjectPermissionBase):
    """guardian's permissions for cases, with a real foreign key: they go with the case and are quick to join."""

    content_object = models.ForeignKey(Case, models.CASCADE, related_name="care_team")


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
    """What the patient agreed to, or took back, for one purpose. The newest row of a purpose holds."""

    class Purpose(models.TextChoices):
        CARE = "care", _("care")
        TRAINING = "training", _("model training")

    patient = models.ForeignKey(Patient, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=10, choices=Purpose)
    is_given = models.BooleanField()
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["patient", "purpose", "-id"])]


class Outcome(Record):
    """The confirmed diagnosis of a case, or that it was none of those listed. The newest row holds."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="outcomes")
    disease = models.ForeignKey(Disease, models.PROTECT, null=True, related_name="+")
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-id"]
