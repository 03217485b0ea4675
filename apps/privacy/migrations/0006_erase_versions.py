"""An erasure deletes the row history of its patient, too, and counts it (ADR 33)."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("apps.privacy.migrations.0003_erasure").ERASE
_AFTER = _BEFORE.replace("n_predictions bigint;", "n_predictions bigint; n_versions bigint;").replace(
    "    RETURN QUERY VALUES",
    """    PERFORM set_config('hoofbeat.keeping_versions', 'on', true);
    DELETE FROM cases_rowversion WHERE patient_id = erased;
    GET DIAGNOSTICS n_versions = ROW_COUNT;
    PERFORM set_config('hoofbeat.keeping_versions', 'off', true);
    RETURN QUERY VALUES ('cases_rowversion', n_versions),""",
)


def _replaced(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("privacy", "0005_run_predictions"), ("cases", "0014_row_versions")]

    operations = [migrations.RunSQL(_replaced(_AFTER), _replaced(_BEFORE))]
