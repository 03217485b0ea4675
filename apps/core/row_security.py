"""Row-level security: the database shows, and takes, rows of the session's organisation alone (ADR 27)."""

from django.db import migrations

from apps.core.tenancy import SETTING

# Set by `manage.py migrate` alone; without it the owner sees no more than everybody else.
MIGRATING = "hoofbeat.migrating"

# A function of the owner that the application calls is no migration: there, the session is not the owner's.
_PROTECT = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY of_organisation ON {table} USING ({condition});
CREATE POLICY of_migrations ON {table} TO CURRENT_USER
    USING (session_user = current_user AND current_setting('{migrating}', true) = 'on');
"""

_UNPROTECT = """
DROP POLICY of_migrations ON {table};
DROP POLICY of_organisation ON {table};
ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
"""


def rows_of_organisation(table: str) -> migrations.RunSQL:
    """Operation that binds each row of `table` to the organisation in its column `organisation_id`."""
    return _protect(table, f"organisation_id = nullif(current_setting('{SETTING}', true), '')::uuid")


def rows_of_parent(
    table: str, parent: str, column: str, *, of_all_without: bool = False
) -> migrations.RunSQL:
    """Operation that binds each row of `table` to the organisation of the row of `parent` that `column` names.

    `parent` has row-level security of its own, and a primary key called `id`. `of_all_without`: rows whose `column` is
    empty belong to everybody.
    """
    condition = f"EXISTS (SELECT FROM {parent} parent WHERE parent.id = {table}.{column})"
    return _protect(table, f"{table}.{column} IS NULL OR {condition}" if of_all_without else condition)


def _protect(table: str, condition: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        _PROTECT.format(table=table, condition=condition, migrating=MIGRATING),
        _UNPROTECT.format(table=table),
    )
