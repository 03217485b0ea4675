"""The embedded PostgreSQL: its cluster, roles and database, and how it is started, asked and stopped."""

import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psycopg

from config.local.account import installation, unprivileged
from config.local.errors import LocalError, last_lines
from config.local.ports import HOST, free_port
from config.local.processes import MARK, Command, Part, end_leftovers

DATABASE = "hoofbeat"
SUPERUSER = "postgres"
ROLES_SQL = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "roles.sql"
# The server and initdb stand in the data folder and call it by this name: it needs no permission on the
# folders above, which the account nobody often lacks (docs/adr/0001).
_HERE = "/proc/self/cwd"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "60",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
}
# A database that lives for one test run may forget everything when the machine stops.
THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Postgres:
    """One cluster in folder `data` (its parent is ours), listening on 127.0.0.1 on a port of its own."""

    def __init__(
        self,
        data: Path,
        log: Path,
        secrets: Mapping[str, str],
        mark: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.log = log
        self.port = free_port()
        self._secrets = secrets
        self._mark = mark
        self._settings = _SETTINGS | {"port": str(self.port)} | dict(settings or {})
        self._account = unprivileged()
        self._binaries = installation(self._account) / "bin"

    def part(self) -> Part:
        """The server as a part to supervise. SIGINT is its fast shutdown, SIGQUIT its immediate one."""
        return Part(
            name="postgres",
            log=self.log,
            prepare=self._prepare,
            is_ready=self.is_ready,
            stop=((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0)),
        )

    def url(self, role: str, database: str = DATABASE) -> str:
        """How `role` (owner, app) connects."""
        return (
            f"postgresql://hoofbeat_{role}:{self._secrets[f'{role}_password']}@{HOST}:{self.port}/{database}"
        )

    def _environment(self) -> dict[str, str]:
        return {"LC_ALL": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC", MARK: self._mark}

    def create(self) -> None:
        """Make the cluster where there is none; an interrupted attempt leaves nothing that counts as one."""
        version = self.data / "PG_VERSION"
        if version.exists():
            if version.read_text().strip() != "18":
                raise LocalError(
                    f"{self.data} holds data of PostgreSQL {version.read_text().strip()} and this is 18; "
                    "take a dump with the old version, or choose another folder with VAR=."
                )
            return
        fresh = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account:
            os.chown(fresh, self._account.uid, self._account.gid)
        password = os.memfd_create("password")
        try:
            os.write(password, self._secrets["superuser_password"].encode())
            command = Command(
                [
                    str(self._binaries / "initdb"), "-D", _HERE, "-U", SUPERUSER, "--auth=scram-sha-256",
                    f"--pwfile=/proc/self/fd/{password}", "--encoding=UTF8", "--locale=C.UTF-8",
                    "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums",
                ],
                self._environment(), fresh, self._account, files=(password,),
            )  # fmt: skip
            with self.log.open("ab") as output:
                code = command.start(output).wait()
        finally:
            os.close(password)
        if code != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise LocalError(f"The database could not be created:\n{last_lines(self.log)}")
        fresh.rename(self.data)

    def _prepare(self) -> Command:
        end_leftovers(None, self.data)
        # Its process is certainly gone; the number that a crash left may be another process's now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        return Command(
            [str(self._binaries / "postgres"), "-D", _HERE, *settings],
            self._environment(), self.data, self._account, death_signal=signal.SIGINT,
        )  # fmt: skip

    def is_ready(self) -> bool:
        """Whether it answers a query."""
        with suppress(psycopg.OperationalError), self._connect("postgres") as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
        return False

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=HOST, port=self.port, user=SUPERUSER, password=self._secrets["superuser_password"],
            dbname=database, connect_timeout=3, autocommit=True,
        )  # fmt: skip

    def ensure_database(self, may_create_databases: bool = False) -> str:
        """Make roles and database where they are missing; returns the cluster's own identifier."""
        with self._connect("template1") as connection:
            for role in ("owner", "app"):
                connection.execute(
                    "SELECT set_config(%s, %s, false)",
                    (f"hoofbeat.{role}_password", self._secrets[f"{role}_password"]),
                )
            connection.execute(ROLES_SQL.read_bytes())
            if may_create_databases:
                connection.execute("ALTER ROLE hoofbeat_owner CREATEDB")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER hoofbeat_owner")
            row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
        return str(row[0]) if row else ""
