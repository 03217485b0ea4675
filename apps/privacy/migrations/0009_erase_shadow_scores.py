"""An erasure counts what candidates said of the patient's predictions, too (ADR 51)."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("apps.privacy.migrations.0006_erase_versions")._AFTER
_AFTER = (
    _BEFORE.replace("n_versions bigint;", "n_versions bigint; n_scores bigint;")
    .replace(
        "    DELETE FROM predictions_feedback",
        """    DELETE FROM predictions_shadowscore s USING predictions_prediction p, cases_case c
        WHERE s.prediction_id = p.id AND p.case_id = c.id AND c.patient_id = erased;
    GET DIAGNOSTICS n_scores = ROW_COUNT;
    DELETE FROM predictions_feedback""",
        1,
    )
    .replace("RETURN QUERY VALUES", "RETURN QUERY VALUES ('predictions_shadowscore', n_scores),", 1)
)


def _replaced(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("privacy", "0008_research"), ("predictions", "0006_shadow")]

    operations = [migrations.RunSQL(_replaced(_AFTER), _replaced(_BEFORE))]
