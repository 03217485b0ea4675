"""Predictions that belong to no case have a retention, too: the owner's function deletes those that are past it (ADR 38)."""

from django.db import migrations

PURGE = """
CREATE FUNCTION hoofbeat_purge_predictions_without_case(of_organisation uuid, default_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    days integer;
    deleted integer;
BEGIN
    SELECT prediction_days INTO days FROM cases_retentionpolicy
        WHERE organisation_id = of_organisation ORDER BY id DESC LIMIT 1;
    days := coalesce(days, default_days);
    IF days IS NULL OR days < 1 THEN
        RAISE EXCEPTION 'nothing is kept for less than a day' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('hoofbeat.purging', 'on', true);
    DELETE FROM predictions_feedback f USING predictions_prediction p
        WHERE f.prediction_id = p.id AND p.case_id IS NULL AND p.organisation_id = of_organisation
        AND p.created_at <= now() - make_interval(days => days);
    DELETE FROM predictions_prediction
        WHERE case_id IS NULL AND organisation_id = of_organisation
        AND created_at <= now() - make_interval(days => days);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    PERFORM set_config('hoofbeat.purging', 'off', true);
    RETURN deleted;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("predictions", "0004_row_security"), ("cases", "0013_retentionpolicy")]

    operations = [
        migrations.RunSQL(PURGE, "DROP FUNCTION hoofbeat_purge_predictions_without_case(uuid, integer)"),
    ]
