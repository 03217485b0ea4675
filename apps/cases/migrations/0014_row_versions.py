"""Row history of the clinical tables (ADR 33)."""

import django.db.models.deletion
from django.db import migrations, models

from apps.core.append_only import append_only
from apps.core.row_history import HISTORY, history_functions, keep_versions
from apps.core.row_security import rows_of_organisation

# What the triggers write, no application may.
_ONLY_READ = """
DO $$
DECLARE grantee_name text;
BEGIN
    FOR grantee_name IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'cases_rowversion' AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE INSERT ON cases_rowversion FROM %I', grantee_name);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0006_forget_blocks"),
        ("cases", "0013_retentionpolicy"),
    ]

    operations = [
        migrations.CreateModel(
            name="RowVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("case_id", models.UUIDField(help_text="null: it says something of the patient", null=True)),
                ("table_name", models.CharField(max_length=63)),
                ("row_id", models.CharField(max_length=36)),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("found", "there when the history began"),
                            ("insert", "entered"),
                            ("update", "changed"),
                            ("delete", "deleted"),
                        ],
                        max_length=6,
                    ),
                ),
                ("content", models.JSONField(null=True)),
                ("changed_at", models.DateTimeField()),
                ("transaction", models.BigIntegerField()),
                ("event_id", models.UUIDField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="cases.patient",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "indexes": [
                    models.Index(fields=["case_id"], name="row_version_case"),
                    models.Index(
                        condition=models.Q(("event_id__isnull", True)),
                        fields=["transaction"],
                        name="row_version_unnamed",
                    ),
                ],
            },
        ),
        append_only(HISTORY, except_when="hoofbeat.keeping_versions"),
        migrations.RunSQL(_ONLY_READ, migrations.RunSQL.noop),
        rows_of_organisation(HISTORY),
        history_functions(),
        keep_versions("cases_patient", of_patient="id", left_out=("pseudonym_index", "identifier_index")),
        keep_versions(
            "cases_case", of_patient="patient_id", of_case="id", left_out=("updated_at", "retain_until")
        ),
        keep_versions("cases_finding", of_case="case_id"),
        keep_versions("cases_unknownfinding", of_case="case_id"),
        keep_versions("cases_outcome", of_case="case_id"),
        keep_versions("cases_caseuserobjectpermission", of_case="content_object_id"),
        keep_versions("cases_emergencyaccess", of_patient="patient_id"),
        keep_versions("cases_hold", of_patient="patient_id"),
    ]
