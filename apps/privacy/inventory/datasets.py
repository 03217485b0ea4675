"""Tables of sources of data, of what they gave, and of the datasets that were made of it."""

from django.utils.translation import gettext_lazy as _

from apps.privacy.inventory.activities import OPERATION, OTHER_CASES, TRAINING
from apps.privacy.inventory.kinds import Table, table

_JOB = "id created_at state progress step error started_at finished_at "

TABLES: list[Table] = [
    table(
        "datasets.DatasetVersion",
        TRAINING,
        pseudonymous="content_hash path made_by_id decided_by_id",
        none="id created_at n_cases withdrawn_at state source parent n_rows n_rejected statistics asks_for_training "
        "decided_at decision_reason",
    ),
    table(
        "datasets.DatasetCase",
        TRAINING,
        special="sex age_years diagnoses present absent",
        pseudonymous="id patient case_id group",
        none="dataset",
        retention=_("of the installation’s own patients with the case; of others with the dataset"),
    ),
    table(
        "datasets.DataSource",
        OTHER_CASES,
        personal="sealed_credentials",
        pseudonymous="created_by_id",
        none="id created_at name kind location options master_key wrapped_key format shape finding_mappings "
        "diagnosis_mappings error_budget retrains every_hours is_enabled updated_at",
    ),
    table(
        "datasets.Ingestion",
        OTHER_CASES,
        pseudonymous="requested_by_id upload_name upload_hash summary",
        none=_JOB + "source version is_repeated cancelled_at",
    ),
    table(
        "datasets.ReportEntry",
        OTHER_CASES,
        special="why before after",
        pseudonymous="id ingestion file row",
        none="kind field",
    ),
    table(
        "datasets.MappingDraft",
        OTHER_CASES,
        special="profile",
        pseudonymous="requested_by_id upload_name upload_hash",
        none=_JOB + "source layout saved_at",
    ),
    table(
        "datasets.MappingProposal",
        OPERATION,
        none="id draft kind code n_records target_id target_label relation score matched is_confirmed",
    ),
]
