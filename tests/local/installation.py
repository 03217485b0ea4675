"""An installation under test: `python -m config.local run` on a folder of its own, as a person would start it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"^Hoofbeat is ready at (http://127\.0\.0\.1:(\d+))$", re.MULTILINE)
RUN = (sys.executable, "-m", "config.local", "run")
MAKE = ("make", "--silent", "run")
# What the processes of each part are known by.
PARTS = {
    "web": "gunicorn",
    "worker": "config.celery:app worker",
    "beat": "config.celery:app beat",
    "sealer": "manage.py seal_audit",
    "valkey": "valkey-server",
    "postgres": "bin/postgres -D",
}

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Ask `condition` until it holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return result


class Installation:
    """The folder `var` with at most one running supervisor, whose output is in `output`."""

    def __init__(self, var: Path, made: dict[str, str]) -> None:
        self.var = var
        self.output = var.with_name(f"{var.name}.out")
        self.port = 0
        self.first_output = ""
        self._made = made
        self.supervisor: subprocess.Popen[bytes] | None = None

    def start(self, *command: str, **variables: str) -> None:
        """Start it without waiting. Port 0 is any free one; afterwards it keeps the one it got."""
        environment = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
        environment |= {"VAR": str(self.var), "PORT": str(self.port)} | self._made | variables
        with self.output.open("wb") as output:
            self.supervisor = subprocess.Popen(
                command or RUN,
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_until_ready(self, seconds: float = 60) -> None:
        assert self.supervisor is not None
        supervisor = self.supervisor
        match = until(
            lambda: READY.search(self.said()) or supervisor.poll() is not None,
            seconds,
            f"ready: {self.said()}",
        )
        assert isinstance(match, re.Match), self.said()
        self.port = int(match[2])

    def wait_for_end(self, seconds: float = 40) -> int:
        assert self.supervisor is not None
        return self.supervisor.wait(seconds)

    def stop(self) -> int:
        """Stop it as Ctrl-C does, which reaches make as well as what it runs; returns the exit code."""
        assert self.supervisor is not None
        if self.supervisor.poll() is None:
            os.killpg(self.supervisor.pid, signal.SIGINT)
        return self.wait_for_end()

    def processes(self) -> dict[int, str]:
        """Every living process of this installation but the supervisor, with its command line.

        Found without the help of what is tested: by VAR's value in the environment, or the data folder as its place.
        """
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
                inside = str((folder / "cwd").readlink()).startswith(f"{self.var}/")
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if inside or f"VAR={self.var}".encode() in variables:
                found[int(folder.name)] = words.strip()
        if self.supervisor is not None:
            found.pop(self.supervisor.pid, None)
        return found

    def process_of(self, part: str) -> int | None:
        """The number of the part's first process; its children came later."""
        numbers = [number for number, words in self.processes().items() if PARTS[part] in words]
        return min(numbers, key=_started, default=None)

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """The status and the JSON of a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def credentials(self) -> dict[str, Any]:
        return json.loads((self.var / "demo-credentials.json").read_text(encoding="utf-8"))


def _fields(number: int) -> list[str]:
    """What /proc/<number>/stat says after the name (proc(5), from field 3 on); nothing when it is gone."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _started(number: int) -> int:
    fields = _fields(number)
    return int(fields[19]) if fields else sys.maxsize
