"""The history is append-only, but for one door: the owner's function deletes what is past its retention."""

from django.db import migrations

from apps.core.append_only import append_only

PURGE = """
CREATE FUNCTION hoofbeat_purge_predictions(expired_case uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE deleted integer;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM cases_case WHERE id = expired_case AND retain_until <= now()) THEN
        RAISE EXCEPTION 'case % is not past its retention', expired_case USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('hoofbeat.purging', 'on', true);
    DELETE FROM predictions_feedback f USING predictions_prediction p
        WHERE f.prediction_id = p.id AND p.case_id = expired_case;
    DELETE FROM predictions_prediction WHERE case_id = expired_case;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    PERFORM set_config('hoofbeat.purging', 'off', true);
    RETURN deleted;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("predictions", "0001_initial"), ("cases", "0001_initial")]

    operations = [
        append_only("predictions_prediction", except_when="hoofbeat.purging"),
        append_only("predictions_feedback", except_when="hoofbeat.purging"),
        migrations.RunSQL(PURGE, "DROP FUNCTION hoofbeat_purge_predictions(uuid)"),
    ]
