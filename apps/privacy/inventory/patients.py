"""Tables of patients."""

from django.utils.translation import gettext_lazy as _

from apps.privacy.inventory.activities import (
    CARE,
    CONSENT,
    EMERGENCY,
    HOLDS,
    PRIORS,
    PRIVACY,
    REPETITION,
    RESEARCH,
    ROW_HISTORY,
    TRAINING,
)
from apps.privacy.inventory.kinds import Table, table

TABLES: list[Table] = [
    table(
        "cases.Patient",
        CARE,
        personal="sealed_pseudonym sealed_name sealed_identifier sealed_contact",
        special="sex",
        pseudonymous="id organisation pseudonym_index identifier_index",
        none="created_at",
    ),
    table("cases.PatientKey", CARE, pseudonymous="patient wrapped", none="master_key born_under"),
    table(
        "cases.Case",
        CARE,
        personal="sealed_note",
        special="age",
        pseudonymous="id patient organisation created_by",
        none="created_at updated_at retain_until",
    ),
    table("cases.CaseUserObjectPermission", CARE, pseudonymous="user content_object", none="id permission"),
    table(
        "cases.Finding",
        CARE,
        special="term is_present",
        pseudonymous="case recorded_by",
        none="id recorded_at",
    ),
    table(
        "cases.UnknownFinding", CARE, special="term", pseudonymous="case recorded_by", none="id recorded_at"
    ),
    table("cases.Outcome", CARE, special="disease", pseudonymous="id case recorded_by", none="created_at"),
    table(
        "cases.Consent",
        CONSENT,
        pseudonymous="id patient purpose is_given channel text recorded_by",
        none="created_at",
    ),
    table(
        "cases.ConsentText",
        CONSENT,
        none="id created_at purpose version language text valid_from",
        retention=_("kept, for acts of consent name what was agreed to"),
    ),
    table(
        "cases.EmergencyAccess",
        EMERGENCY,
        personal="sealed_reason",
        pseudonymous="id organisation patient user reviewed_by is_justified",
        none="created_at expires_at reviewed_at",
    ),
    table(
        "cases.Hold",
        HOLDS,
        personal="sealed_reason sealed_lift_reason",
        pseudonymous="id organisation patient kind placed_by lifted_by",
        none="created_at lifted_at",
    ),
    # What says who the patient is stands in `content` as the ciphertext that the row had.
    table(
        "cases.RowVersion",
        ROW_HISTORY,
        special="content",
        pseudonymous="organisation patient case_id row_id event_id",
        none="id table_name act changed_at transaction",
    ),
    table(
        "cases.RetentionPolicy",
        PRIVACY,
        pseudonymous="set_by",
        none="id created_at organisation case_days prediction_days",
    ),
    table(
        "predictions.Prediction",
        CARE,
        special="input output notices",
        pseudonymous="id organisation_id case requested_by_id token_id",
        none="created_at model model_hash latency_ms",
        retention=_(
            "with its case; one that belongs to no case {retention_days} days, or as the organisation has set"
        ),
    ),
    table(
        "predictions.Feedback",
        CARE,
        special="disease",
        pseudonymous="id prediction recorded_by_id",
        none="created_at",
        retention=_("with its prediction"),
    ),
    table(
        "predictions.ShadowScore",
        CARE,
        special="head",
        pseudonymous="id prediction",
        none="created_at model same_first shared_of_ten latency_ms error",
        retention=_("with its prediction"),
    ),
    table(
        "predictions.DefaultPrior", PRIORS, pseudonymous="set_by_id", none="id created_at organisation name"
    ),
    # A single patient with a rare disease may be known by the count alone.
    table(
        "predictions.CaseMix",
        PRIORS,
        special="counts",
        pseudonymous="entered_by_id",
        none="id created_at organisation source",
    ),
    table(
        "privacy.ResearchExport",
        RESEARCH,
        special="content",
        pseudonymous="requested_by_id",
        none="id created_at state progress step error started_at finished_at organisation language study k small_cells "
        "n_patients expires_at withdrawn_at",
    ),
    table(
        "lifecycle.Experiment",
        TRAINING,
        pseudonymous="requested_by_id",
        none="id created_at state progress step error started_at finished_at reason trigger takes_confirmed release "
        "candidates seed trials folds cancel_asked_at model gates comparison record",
    ),
    table("lifecycle.Experiment_datasets", TRAINING, none="id experiment datasetversion"),
    table("lifecycle.Experiment_evaluation", TRAINING, none="id experiment datasetversion"),
    table(
        "core.AnsweredRequest",
        REPETITION,
        personal="answer",
        pseudonymous="organisation_id account_id key_digest request_digest request_id",
        none="id created_at",
        unsealed={
            "answer": _(
                "AES-256-GCM under a key that the caller's key and body make, and that is stored nowhere"
            )
        },
    ),
]
