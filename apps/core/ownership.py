"""Acting as the role that owns the tables, for migrations alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dj_database_url
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from psycopg import sql

from apps.core.row_security import MIGRATING

_CREDENTIALS = ("USER", "PASSWORD", "HOST", "PORT")


@contextmanager
def owner_connection() -> Iterator[None]:
    """Inside, the default connection is the owner's; afterwards the application's again.

    The owner lets the application's role read and write the tables that it makes from now on.
    """
    if not settings.MIGRATION_DATABASE_URL:
        raise ImproperlyConfigured(
            "MIGRATION_DATABASE_URL is not set: tables are made by the role that owns them."
        )
    owner = dict[str, Any](dj_database_url.parse(settings.MIGRATION_DATABASE_URL))
    current: dict[str, Any] = connection.settings_dict  # type: ignore[assignment]
    before = {key: current[key] for key in (*_CREDENTIALS, "OPTIONS")}
    application = dj_database_url.parse(settings.APPLICATION_DATABASE_URL)["USER"]
    connection.close()
    current.update({key: owner[key] for key in _CREDENTIALS})
    # Migrations read and write the rows of every organisation.
    current["OPTIONS"] = {**current["OPTIONS"], "options": f"-c {MIGRATING}=on"}
    try:
        if application != owner["USER"]:
            _let_in(application)
        yield
    finally:
        connection.close()
        current.update(before)


def _let_in(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        for what in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES"):
            statement = sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {} TO {}")
            cursor.execute(statement.format(sql.SQL(what), sql.Identifier(role)))
