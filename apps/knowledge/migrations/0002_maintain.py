"""Lets the application's role refresh the planner's statistics after it has loaded knowledge."""

from django.db import migrations

TABLES = (
    "knowledge_term",
    "knowledge_termname",
    "knowledge_disease",
    "knowledge_annotation",
    "knowledge_searchword",
)

GRANT = """
DO $$
DECLARE grantee_name text;
BEGIN
    FOR grantee_name IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = '{table}' AND grantee <> current_user
    LOOP
        EXECUTE format('GRANT MAINTAIN ON {table} TO %I', grantee_name);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0001_initial")]

    operations = [migrations.RunSQL(GRANT.format(table=table), migrations.RunSQL.noop) for table in TABLES]
