"""Events say what they are for; in an emergency that is the emergency, and no longer care as usual."""

from django.db import migrations

_FUNCTION = """
CREATE OR REPLACE FUNCTION hoofbeat_emergency_purpose() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE access uuid;
BEGIN
    SELECT id INTO access FROM cases_emergencyaccess
    WHERE user_id = NEW.actor_id AND patient_id = ANY (NEW.patient_ids) AND expires_at > now()
    ORDER BY expires_at DESC LIMIT 1;
    IF FOUND THEN
        NEW.purpose = {purpose};
    END IF;
    RETURN NEW;
END $$;
"""
_ADDED = "concat_ws(' ', nullif(NEW.purpose, ''), 'emergency:' || access)"
_INSTEAD = "'emergency:' || access"


class Migration(migrations.Migration):
    dependencies = [("cases", "0014_row_versions")]

    operations = [
        migrations.RunSQL(_FUNCTION.format(purpose=_INSTEAD), _FUNCTION.format(purpose=_ADDED)),
    ]
