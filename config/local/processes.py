"""Starting, watching and ending processes so that none is ever left behind (Linux)."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from config.local.account import Account
from config.local.errors import LocalError

MARK = "HOOFBEAT_INSTANCE"
LOG_LIMIT = 10 * 1024**2
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: int, parent: int) -> None:
    """Have the kernel send signal `number` to this process as soon as its parent, `parent`, is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute and how: `account` None is our own, `death_signal` is sent when the supervisor dies.

    SIGKILL for whatever keeps nothing itself: a Celery that wants to say goodbye to a broker that dies beside it
    waits for ever.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    account: Account | None = None
    files: Sequence[int] = ()
    death_signal: signal.Signals = signal.SIGKILL

    def start(self, output: IO[bytes] | int | None) -> subprocess.Popen[bytes]:
        """Start it in a session of its own: Ctrl-C reaches the supervisor alone, which stops in order."""
        parent = os.getpid()
        return subprocess.Popen(
            list(self.arguments),
            env=dict(self.environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=self.files,
            start_new_session=True,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
            # After the change of user, which would clear it.
            preexec_fn=lambda: die_with_parent(self.death_signal, parent),
        )


def rotate(log: Path) -> None:
    """Move what is in a large log to `<log>.1`, keeping the file itself: its writer appends and goes on."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT:
            log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)


@dataclass(slots=True)
class Part:
    """One long-running process of the system.

    `prepare` clears the way and says what to execute; `is_ready` asks the process itself; `stop` lists the
    signals that end it with the seconds each may take, before SIGKILL.
    """

    name: str
    log: Path
    prepare: Callable[[], Command]
    is_ready: Callable[[], bool]
    stop: Sequence[tuple[signal.Signals, float]]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start it; what it says goes to its log."""
        command = self.prepare()
        rotate(self.log)
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            self.process = command.start(output)
        self.started = time.monotonic()

    def has_ended(self) -> bool:
        """Whether it is no longer there. Leaves the dead unreaped, so that its number stays its own."""
        if self.process is None:
            return True
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self) -> str:
        """After its end: end what it left in its session, and say how it ended."""
        if self.process is None:
            return "not started"
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.process = None
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def ask_to_stop(self) -> None:
        """Send the first stop signal, without waiting."""
        if self.process is not None and not self.has_ended():
            self.process.send_signal(self.stop[0][0])

    def end(self, hurry: Callable[[], bool]) -> None:
        """Stop it and wait until it is gone; when `hurry()` turns true no more time is given."""
        if self.process is None:
            return
        for number, patience in self.stop:
            if self.has_ended():
                break
            self.process.send_signal(number)
            deadline = time.monotonic() + patience
            while not self.has_ended() and time.monotonic() < deadline and not hurry():
                time.sleep(0.02)
        if not self.has_ended():
            self.process.kill()
        self.reap()


def _is_ours(pid: int, mark: bytes | None, data: tuple[int, int] | None) -> bool:
    proc = Path("/proc") / str(pid)
    try:
        if mark and mark in (proc / "environ").read_bytes().split(b"\0"):
            return True
        # Postgres overwrites its environment with its title, but stands in its data folder.
        status = (proc / "cwd").stat()
        return (status.st_dev, status.st_ino) == data and (proc / "comm").read_text().strip() == "postgres"
    except OSError:
        return False  # gone meanwhile, or another user's


def leftovers(mark: str | None, data: Path) -> list[int]:
    """Living processes of an earlier supervisor of this folder, found by what they carry, not by number.

    `mark` None looks for Postgres alone, by its folder `data`. The caller holds the lock on `var/`, so
    nothing of it may run now.
    """
    place = None
    with suppress(OSError):
        status = data.stat()
        place = (status.st_dev, status.st_ino)
    carried = f"{MARK}={mark}".encode() if mark else None
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and _is_ours(pid, carried, place)]


def end_leftovers(mark: str | None, data: Path) -> int:
    """End what an earlier supervisor left running, gently at first; returns how many processes there were.

    LocalError when one cannot be ended.
    """
    found = leftovers(mark, data)
    doomed = set(found)
    count = len(found)
    # SIGINT is the fast shutdown of Postgres, and ends the others as well.
    for number, patience in ((signal.SIGINT, 3.0), (signal.SIGKILL, 5.0), (signal.SIGKILL, 5.0)):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while doomed and time.monotonic() < deadline:
            time.sleep(0.02)
            found = leftovers(mark, data)
            doomed = {pid for pid in doomed.union(found) if not _is_gone(pid)}
    if doomed:
        raise LocalError(
            f"Processes of an earlier run cannot be ended: {', '.join(map(str, doomed))}. Restart the machine."
        )
    return count


def _is_gone(pid: int) -> bool:
    """Whether it holds nothing any more. A dying process loses its environment before its sockets and files."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
