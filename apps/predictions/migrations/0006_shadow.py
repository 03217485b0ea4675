"""What a candidate said of stored predictions; it goes when they do (ADR 51)."""

import django.db.models.deletion
from django.db import migrations, models

import apps.core.identifiers
from apps.core.append_only import append_only
from apps.core.row_security import rows_of_parent

# Whoever deletes a prediction, an erasure or a purge, deletes its scores.
_GO_WITH_THE_PREDICTION = """
CREATE FUNCTION hoofbeat_forget_shadow_scores() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM predictions_shadowscore WHERE prediction_id = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER forget_shadow_scores BEFORE DELETE ON predictions_prediction
    FOR EACH ROW EXECUTE FUNCTION hoofbeat_forget_shadow_scores();
"""
_STAY = """
DROP TRIGGER forget_shadow_scores ON predictions_prediction;
DROP FUNCTION hoofbeat_forget_shadow_scores();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("predictions", "0005_purge_without_case"),
        ("registry", "0006_shadow"),
    ]

    operations = [
        migrations.CreateModel(
            name="ShadowScore",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "head",
                    models.JSONField(
                        default=list, help_text="[[disease id, probability]], best first, at most ten"
                    ),
                ),
                ("same_first", models.BooleanField(null=True)),
                ("shared_of_ten", models.PositiveSmallIntegerField(null=True)),
                ("latency_ms", models.FloatField(null=True)),
                ("error", models.CharField(blank=True, max_length=100)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shadow_scores",
                        to="registry.modelversion",
                    ),
                ),
                (
                    "prediction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shadow_scores",
                        to="predictions.prediction",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["model", "-id"], name="shadow_scores_of_model")],
                "constraints": [
                    models.UniqueConstraint(fields=("prediction", "model"), name="shadow_score_once_a_model")
                ],
            },
        ),
        append_only("predictions_shadowscore", except_when="hoofbeat.purging"),
        rows_of_parent("predictions_shadowscore", "predictions_prediction", "prediction_id"),
        migrations.RunSQL(_GO_WITH_THE_PREDICTION, _STAY),
    ]
