"""Tables that say nothing of patients: knowledge, models, schedules. Their columns are named, too: a new one may."""

from apps.privacy.inventory.activities import OPERATION
from apps.privacy.inventory.kinds import Table, table

TABLES: list[Table] = [
    table(
        "knowledge.KnowledgeRelease",
        OPERATION,
        none="id created_at version hpo_release sha256 folder manifest",
    ),
    table(
        "knowledge.Term",
        OPERATION,
        none="id label definition is_phenotype is_obsolete replaced_by parents alternative_ids",
    ),
    table("knowledge.TermName", OPERATION, none="id term kind language text"),
    table("knowledge.Disease", OPERATION, none="id name database rarity rarity_source ids"),
    table("knowledge.SearchWord", OPERATION, none="id kind word frequency"),
    table(
        "knowledge.Annotation",
        OPERATION,
        none="id disease term aspect is_negated frequency onset sex references evidence is_verified",
    ),
    table(
        "registry.ModelVersion",
        OPERATION,
        none="id created_at number artefact_hash folder knowledge_version manifest signature",
    ),
    table(
        "registry.GateReport", OPERATION, pseudonymous="recorded_by_id", none="id created_at model results"
    ),
    table(
        "registry.Proposal",
        OPERATION,
        pseudonymous="proposed_by_id",
        none="id created_at model gates share reason",
    ),
    table(
        "registry.Decision",
        OPERATION,
        pseudonymous="proposed_by_id decided_by_id",
        none="id created_at proposal is_approved reason",
    ),
    table(
        "registry.Activation",
        OPERATION,
        pseudonymous="activated_by_id",
        none="id created_at model kind share decision reason",
    ),
    table("registry.Stop", OPERATION, pseudonymous="set_by_id", none="id created_at is_stopped reason"),
    table("registry.Shadow", OPERATION, pseudonymous="set_by_id", none="id created_at model is_on reason"),
    table(
        "lifecycle.MonitoringPolicy",
        OPERATION,
        none="number current_size current_days reference_size reference_since outcomes_size skew_sample alpha "
        "least_shift least_share least_predictions least_outcomes training_days knowledge_days p99_ms error_share skew "
        "starts_on_drift starts_on_quality starts_on_outcomes starts_on_staleness starts_on_knowledge "
        "starts_on_erasure cool_down_days tells_by_email tells_by_webhook",
    ),
    # Counts and shares of at least as many patients as the policy asks for.
    table(
        "lifecycle.MonitoringReport",
        OPERATION,
        pseudonymous="requested_by_id",
        none="id created_at model verdict current_from current_until reference_from reference_until n_current "
        "n_reference n_outcomes n_refused n_failed checks quality",
    ),
    table(
        "lifecycle.MonitoringCheck",
        OPERATION,
        pseudonymous="requested_by_id",
        none="id created_at state progress step error started_at finished_at result",
    ),
    table("lifecycle.FiredTrigger", OPERATION, none="id created_at kind cause report experiment"),
    table("auth.Permission", OPERATION, none="id name content_type codename"),
    table("auth.Group", OPERATION, none="id name"),
    table("auth.Group_permissions", OPERATION, none="id group permission"),
    table("contenttypes.ContentType", OPERATION, none="id app_label model"),
    table("django_celery_beat.SolarSchedule", OPERATION, none="id event latitude longitude"),
    table("django_celery_beat.IntervalSchedule", OPERATION, none="id every period"),
    table("django_celery_beat.ClockedSchedule", OPERATION, none="id clocked_time"),
    table(
        "django_celery_beat.CrontabSchedule",
        OPERATION,
        none="id minute hour day_of_month month_of_year day_of_week timezone",
    ),
    table("django_celery_beat.PeriodicTasks", OPERATION, none="ident last_update"),
    table(
        "django_celery_beat.PeriodicTask",
        OPERATION,
        none="id name task interval crontab solar clocked args kwargs queue exchange routing_key headers priority "
        "expires expire_seconds one_off start_time enabled last_run_at total_run_count date_changed description",
    ),
]
