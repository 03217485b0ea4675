"""A door of the owner: blocks that no anchor holds are undone, and their events wait again (ADR 32)."""

from django.db import migrations

from apps.core.append_only import append_only

_UNDO = "DROP TRIGGER append_only_rows ON {table}; DROP TRIGGER append_only_table ON {table};"
_FORGET = """
CREATE FUNCTION hoofbeat_forget_blocks() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE anchored bigint; forgotten integer;
BEGIN
    SELECT coalesce(max(number), 0) INTO anchored FROM audit_anchoredblock;
    PERFORM set_config('hoofbeat.forgetting', 'on', true);
    INSERT INTO audit_pendingevent (sequence) SELECT sequence FROM audit_leaf WHERE block > anchored ON CONFLICT DO NOTHING;
    DELETE FROM audit_leaf WHERE block > anchored;
    DELETE FROM audit_block WHERE number > anchored;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    PERFORM set_config('hoofbeat.forgetting', 'off', true);
    RETURN forgotten;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_verification")]

    operations = [
        migrations.RunSQL(_UNDO.format(table="audit_block"), migrations.RunSQL.noop),
        migrations.RunSQL(_UNDO.format(table="audit_leaf"), migrations.RunSQL.noop),
        append_only("audit_block", except_when="hoofbeat.forgetting"),
        append_only("audit_leaf", except_when="hoofbeat.forgetting"),
        migrations.RunSQL(_FORGET, "DROP FUNCTION hoofbeat_forget_blocks()"),
    ]
