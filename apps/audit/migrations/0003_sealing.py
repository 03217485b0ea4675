"""Blocks of sealed events, and the queue of those that wait: a trigger fills it with each event."""

from django.db import migrations, models
from django.db.models.functions import Now

from apps.core.append_only import append_only

# As its owner, so that the application's role needs no right to write the queue; events of before wait as well.
_QUEUE = """
CREATE FUNCTION hoofbeat_queue_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO audit_pendingevent (sequence) VALUES (NEW.sequence) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER queue_event AFTER INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION hoofbeat_queue_event();
INSERT INTO audit_pendingevent (sequence) SELECT sequence FROM audit_auditevent;
DO $$
DECLARE grantee_name text;
BEGIN
    FOR grantee_name IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'audit_pendingevent' AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE INSERT, UPDATE, TRUNCATE ON audit_pendingevent FROM %I', grantee_name);
    END LOOP;
END $$;
"""
_NO_QUEUE = "DROP TRIGGER queue_event ON audit_auditevent; DROP FUNCTION hoofbeat_queue_event();"


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name="PendingEvent",
            fields=[("sequence", models.BigIntegerField(primary_key=True, serialize=False))],
        ),
        migrations.CreateModel(
            name="Block",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("previous", models.CharField(max_length=64)),
                ("root", models.CharField(max_length=64)),
                ("size", models.PositiveIntegerField()),
                (
                    "sealed_at",
                    models.CharField(help_text="UTC, ISO 8601: the text that was hashed", max_length=27),
                ),
                ("hash", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                ("event_id", models.UUIDField()),
                ("block", models.BigIntegerField()),
                ("position", models.PositiveIntegerField()),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("block", "position"), name="audit_leaf_place")
                ]
            },
        ),
        migrations.CreateModel(
            name="AnchoredBlock",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("anchored_at", models.DateTimeField(db_default=Now())),
            ],
        ),
        migrations.CreateModel(
            name="SealerState",
            fields=[
                ("number", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("looked_at", models.DateTimeField()),
                ("error", models.CharField(blank=True, max_length=500)),
            ],
        ),
        append_only("audit_block"),
        append_only("audit_leaf"),
        append_only("audit_anchoredblock"),
        migrations.RunSQL(_QUEUE, _NO_QUEUE),
    ]
