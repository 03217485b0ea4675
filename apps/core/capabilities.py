"""What a person or a program may be allowed to do. Which role has which is decided in `apps.accounts`."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Capability(models.TextChoices):
    """One capability; endpoints declare it, roles grant it. Stored as permissions `accounts.<value>`."""

    ADMIN_ACCESS = "admin.access", _("Open the administration")
    AUDIT_READ = "audit.read", _("Read the audit trail")
    CASE_READ = "case.read", _("Read the cases of one's care team")
    CASE_WRITE = "case.write", _("Enter and change cases")
    DATASET_READ = "dataset.read", _("See sources of data, their reports and datasets")
    DATASET_WRITE = "dataset.write", _("Configure sources, ingest data and decide on quarantined ones")
    EMERGENCY_OPEN = "emergency.open", _("Open one patient’s cases in an emergency")
    EMERGENCY_REVIEW = "emergency.review", _("Review emergency access")
    FEEDBACK_WRITE = "feedback.write", _("Record outcomes")
    KNOWLEDGE_READ = "knowledge.read", _("Look up findings and diseases")
    MODEL_READ = "model.read", _("See models and training runs")
    MODEL_TRAIN = "model.train", _("Ask for a retraining")
    MODEL_PROPOSE = "model.propose", _("Propose a model for release")
    MODEL_APPROVE = "model.approve", _("Decide which model answers")
    PREDICTION_CREATE = "prediction.create", _("Ask for a differential diagnosis")
    PREDICTION_READ = "prediction.read", _("Read the prediction history")
    PRIOR_WRITE = "prior.write", _("Choose the prior and enter the clinic's case mix")
    PRIVACY_READ = "privacy.read", _("See retention runs")
    PRIVACY_PURGE = "privacy.purge", _("Delete what is past its retention")
    PRIVACY_EXPORT = "privacy.export", _("Make a patient’s archive of his data")
    PRIVACY_ERASE = "privacy.erase", _("Erase a patient")
    PRIVACY_HOLD = "privacy.hold", _("Place and lift legal holds and restrictions of processing")
    PRIVACY_RESEARCH = "privacy.research", _("Make de-identified exports for research")
    ACCOUNT_SELF = "account.self", _("Use one's own account")


PUBLIC = "public"  # an endpoint that is meant for everyone says so instead of naming a capability
