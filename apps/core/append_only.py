"""Database protection for tables whose rows must never change: a trigger, and rights that are taken away.

django-pgtrigger would do the first part, but it can be switched off by a session variable that the application's
own role may set; here only the role that owns the table could disable the trigger, and the application is not it.
"""

from django.db import migrations

_FUNCTION = """
CREATE OR REPLACE FUNCTION hoofbeat_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
"""

_ROWS = """
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW {condition} EXECUTE FUNCTION hoofbeat_append_only();
"""

_ROWS_OF_PARENT = """
CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM {parent} parent WHERE parent.{column} = OLD.{column}) THEN
        RAISE EXCEPTION 'table {table} is append-only: DELETE refused' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER append_only_rows BEFORE UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION hoofbeat_append_only();
CREATE TRIGGER append_only_deletion BEFORE DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_stays();
"""

# Whatever roles were granted rights by default privileges lose those named.
_TABLE = """
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION hoofbeat_append_only();
DO $$
DECLARE grantee_name text;
BEGIN
    FOR grantee_name IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = '{table}' AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE {rights} ON {table} FROM %I', grantee_name);
    END LOOP;
END $$;
"""

_UNPROTECT = """
DROP TRIGGER append_only_rows ON {table};
DROP TRIGGER append_only_table ON {table};
"""


def append_only(table: str, except_when: str = "") -> migrations.RunSQL:
    """Operation that makes `table` append-only.

    `except_when` names a setting that, while `on`, lets the owner's own functions delete rows. The application's role
    has no right to delete, so setting it opens nothing to that role.
    """
    condition = f"WHEN (current_setting('{except_when}', true) IS DISTINCT FROM 'on')" if except_when else ""
    rights = "UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"
    forwards = _ROWS.format(table=table, condition=condition) + _TABLE.format(table=table, rights=rights)
    return migrations.RunSQL(_FUNCTION + forwards, _UNPROTECT.format(table=table))


def append_only_with(table: str, parent: str, column: str) -> migrations.RunSQL:
    """The same, but rows of `table` may be deleted once the row of `parent` with the same `column` is gone."""
    forwards = _ROWS_OF_PARENT.format(table=table, parent=parent, column=column) + _TABLE.format(
        table=table, rights="UPDATE, TRUNCATE, REFERENCES, TRIGGER"
    )
    backwards = _UNPROTECT + "DROP TRIGGER append_only_deletion ON {table};DROP FUNCTION {table}_stays();"
    return migrations.RunSQL(_FUNCTION + forwards, backwards.format(table=table))
