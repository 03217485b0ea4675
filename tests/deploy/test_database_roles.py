"""What the postgres container runs at first: two roles, of which the application's owns nothing."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from config.local.account import installation
from config.local.postgres import ROLES_SQL, SUPERUSER, THROWAWAY, Postgres
from config.local.supervisor import Supervisor
from config.local.terminal import Wishes

SCRIPT = ROLES_SQL.with_name("10-hoofbeat.sql")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A cluster as the image makes it, after its script has run."""
    folder = tmp_path_factory.mktemp("cluster")
    passwords = {f"{role}_password": secrets.token_hex(16) for role in ("superuser", "owner", "app")}
    supervisor = Supervisor(Wishes())
    postgres = Postgres(folder / "postgres", folder / "log", passwords, "test", THROWAWAY)
    postgres.create()
    try:
        supervisor.start(postgres.part(), patience=30)
        run_script(postgres, passwords, folder)
        yield postgres
    finally:
        supervisor.stop()


def run_script(postgres: Postgres, passwords: dict[str, str], folder: Path) -> None:
    script = folder / SCRIPT.name
    # In the container the file is mounted at this path (docker-compose.yml).
    text = SCRIPT.read_text(encoding="utf-8")
    assert "/hoofbeat/roles.sql" in text
    script.write_text(text.replace("/hoofbeat/roles.sql", str(ROLES_SQL)), encoding="utf-8")
    subprocess.run(
        [
            installation(None) / "bin" / "psql", "--no-psqlrc", "--host", "127.0.0.1", "--port", str(postgres.port),
            "--username", SUPERUSER, "--dbname", "postgres", "--file", script,
        ],
        check=True,
        env={
            "PGPASSWORD": passwords["superuser_password"],
            "HOOFBEAT_OWNER_PASSWORD": passwords["owner_password"],
            "HOOFBEAT_APP_PASSWORD": passwords["app_password"],
        },
    )  # fmt: skip


def test_the_application_works_on_the_owners_tables_and_cannot_change_them(cluster: Postgres) -> None:
    with psycopg.connect(cluster.url("owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY, word text)")
    with psycopg.connect(cluster.url("app"), autocommit=True) as app:
        app.execute("INSERT INTO kept (word) VALUES ('a')")
        assert app.execute("SELECT word FROM kept").fetchall() == [("a",)]
        for forbidden in (
            "TRUNCATE kept",
            "DROP TABLE kept",
            "ALTER TABLE kept DISABLE TRIGGER ALL",
            "CREATE TABLE x ()",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(forbidden)


def test_neither_role_may_rule_the_server(cluster: Postgres) -> None:
    with psycopg.connect(cluster.url("app")) as app:
        rows = app.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'hoofbeat%' AND rolcanlogin "
            "AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication) ORDER BY 1"
        ).fetchall()
    assert rows == [("hoofbeat_app",), ("hoofbeat_owner",)]


def test_a_wrong_password_is_refused(cluster: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.url("app").replace("hoofbeat_app:", "hoofbeat_app:x"))
