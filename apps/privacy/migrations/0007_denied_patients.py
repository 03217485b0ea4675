"""A refusal names whose data were asked for.

A trigger, as for emergencies: whoever is refused must not be told, so no code that answers him looks it up. It runs as
whoever acts, so what belongs to another organisation stays unknown.
"""

from django.db import migrations

_TRIGGER = """
CREATE FUNCTION hoofbeat_denied_patients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.patient_ids = ARRAY(
        SELECT id FROM cases_patient WHERE id = ANY (NEW.object_ids)
        UNION SELECT patient_id FROM cases_case WHERE id = ANY (NEW.object_ids)
        UNION SELECT patient_id FROM cases_emergencyaccess WHERE id = ANY (NEW.object_ids)
        UNION SELECT patient_id FROM cases_hold WHERE id = ANY (NEW.object_ids)
        UNION SELECT c.patient_id FROM predictions_prediction p JOIN cases_case c ON c.id = p.case_id
            WHERE p.id = ANY (NEW.object_ids)
        UNION SELECT patient_id FROM privacy_accessarchive WHERE id = ANY (NEW.object_ids)
        UNION SELECT patient_id FROM privacy_erasure WHERE id = ANY (NEW.object_ids)
    );
    RETURN NEW;
END $$;
CREATE TRIGGER denied_patients BEFORE INSERT ON audit_auditevent FOR EACH ROW
    WHEN (NEW.outcome = 'denied' AND cardinality(NEW.patient_ids) = 0 AND cardinality(NEW.object_ids) > 0)
    EXECUTE FUNCTION hoofbeat_denied_patients();
"""
_NO_TRIGGER = """
DROP TRIGGER denied_patients ON audit_auditevent;
DROP FUNCTION hoofbeat_denied_patients();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0006_erase_versions"),
        ("cases", "0015_purpose_of_care"),
        ("predictions", "0005_purge_without_case"),
        ("audit", "0006_forget_blocks"),
    ]

    operations = [migrations.RunSQL(_TRIGGER, _NO_TRIGGER)]
