"""Erasures, and the door by which they get at the append-only history."""

import django.db.models.deletion
from django.db import migrations, models

import apps.core.identifiers
from apps.core.row_security import rows_of_organisation

# Opens for an erasure alone that was written down, is under way, and has its entry in the ledger outside.
ERASE = """
CREATE FUNCTION hoofbeat_erase_history(erasure uuid) RETURNS TABLE (table_name text, n_rows bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE erased uuid; n_feedback bigint; n_predictions bigint;
BEGIN
    SELECT patient_id INTO erased FROM privacy_erasure
        WHERE id = erasure AND state = 'running' AND ledgered_at IS NOT NULL;
    IF erased IS NULL THEN
        RAISE EXCEPTION 'erasure % is not under way', erasure USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('hoofbeat.purging', 'on', true);
    DELETE FROM predictions_feedback f USING predictions_prediction p, cases_case c
        WHERE f.prediction_id = p.id AND p.case_id = c.id AND c.patient_id = erased;
    GET DIAGNOSTICS n_feedback = ROW_COUNT;
    DELETE FROM predictions_prediction p USING cases_case c WHERE p.case_id = c.id AND c.patient_id = erased;
    GET DIAGNOSTICS n_predictions = ROW_COUNT;
    PERFORM set_config('hoofbeat.purging', 'off', true);
    RETURN QUERY VALUES ('predictions_feedback', n_feedback), ('predictions_prediction', n_predictions);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_privacy_erase"),
        ("privacy", "0002_row_security"),
        ("predictions", "0004_row_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "waiting"),
                            ("running", "running"),
                            ("succeeded", "done"),
                            ("failed", "failed"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("requested_by_id", models.UUIDField(null=True)),
                ("progress", models.PositiveSmallIntegerField(default=0, help_text="percent")),
                ("step", models.CharField(blank=True, max_length=200)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("patient_id", models.UUIDField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("not_needed", "the data are no longer needed"),
                            ("consent_withdrawn", "consent was withdrawn"),
                            ("objection", "the patient objects"),
                            ("unlawful", "the data were processed unlawfully"),
                            ("obligation", "a law demands it"),
                        ],
                        max_length=20,
                        verbose_name="reason",
                    ),
                ),
                ("replay_of", models.UUIDField(null=True)),
                ("ledgered_at", models.DateTimeField(null=True)),
                ("rows", models.JSONField(default=dict, help_text="{table: rows deleted}")),
                (
                    "files",
                    models.JSONField(
                        default=list, help_text="names of the files of training cases that were deleted"
                    ),
                ),
                (
                    "model_numbers",
                    models.JSONField(
                        default=list, help_text="numbers of the models that learnt from the patient"
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["pending", "running"])),
                        fields=("patient_id",),
                        name="one_erasure_at_a_time",
                    )
                ],
            },
        ),
        rows_of_organisation("privacy_erasure"),
        migrations.RunSQL(ERASE, "DROP FUNCTION hoofbeat_erase_history(uuid)"),
    ]
