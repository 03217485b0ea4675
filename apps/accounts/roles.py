"""The roles that a new installation has, and what each may do.

A migration writes them as groups; from then on administrators may change them in Django admin.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.capabilities import Capability as C


class Role(models.TextChoices):
    CLINICIAN = "clinician", _("clinician")
    DATA_SCIENTIST = "data_scientist", _("data scientist")
    PRIVACY_OFFICER = "privacy_officer", _("privacy officer")
    AUDITOR = "auditor", _("auditor")
    ADMINISTRATOR = "administrator", _("administrator")
    INTEGRATOR = "integrator", _("integrator")


_CLINICAL = frozenset(
    {
        C.ACCOUNT_SELF, C.CASE_READ, C.CASE_WRITE, C.FEEDBACK_WRITE, C.KNOWLEDGE_READ, C.MODEL_READ,
        C.PREDICTION_CREATE, C.PREDICTION_READ,
    }
)  # fmt: skip

CAPABILITIES: dict[str, frozenset[C]] = {
    # Nobody else: neither administrators (the service refuses those in any case) nor programs.
    Role.CLINICIAN: _CLINICAL | {C.EMERGENCY_OPEN},
    Role.DATA_SCIENTIST: frozenset(
        {
            C.ACCOUNT_SELF,
            C.KNOWLEDGE_READ,
            C.DATASET_READ,
            C.DATASET_WRITE,
            C.MODEL_READ,
            C.MODEL_TRAIN,
            C.MODEL_PROPOSE,
            C.MODEL_APPROVE,
            C.PRIOR_WRITE,
        }
    ),
    Role.PRIVACY_OFFICER: frozenset(
        {
            C.ACCOUNT_SELF,
            C.EMERGENCY_REVIEW,
            C.PRIVACY_READ,
            C.PRIVACY_PURGE,
            C.PRIVACY_EXPORT,
            C.PRIVACY_ERASE,
            C.PRIVACY_HOLD,
            C.PRIVACY_RESEARCH,
        }
    ),
    Role.AUDITOR: frozenset({C.ACCOUNT_SELF, C.AUDIT_READ, C.DATASET_READ, C.MODEL_READ}),
    Role.ADMINISTRATOR: frozenset(
        {C.ACCOUNT_SELF, C.ADMIN_ACCESS, C.DATASET_READ, C.MODEL_READ, C.MODEL_APPROVE, C.PRIOR_WRITE}
    ),
    Role.INTEGRATOR: _CLINICAL,
}

# Django's own permissions, for the pages of Django admin: (app label, codename).
ADMIN_PERMISSIONS: tuple[tuple[str, str], ...] = (
    ("accounts", "view_user"),
    ("accounts", "add_user"),
    ("accounts", "change_user"),
    ("accounts", "view_organisation"),
    ("accounts", "view_apitoken"),
    ("accounts", "delete_apitoken"),
    ("datasets", "view_datasource"),
    ("datasets", "add_datasource"),
    ("datasets", "change_datasource"),
    ("auth", "view_group"),
    ("auth", "add_group"),
    ("auth", "change_group"),
)
