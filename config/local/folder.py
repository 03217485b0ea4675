"""The folder `var/`: who owns it, who uses it now, what is kept in it, how much room it has left."""

import base64
import fcntl
import json
import os
import pwd
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from config.local.errors import LocalError

# A first run writes some 370 MB (database with its write-ahead log, model, knowledge); a later one appends.
ROOM_TO_START = 500 * 1024**2
ROOM_TO_GO_ON = 100 * 1024**2
SECRETS = (
    "secret_key",
    "superuser_password",
    "owner_password",
    "app_password",
    "broker_password",
    "index_key",
    "model_key",
)


def _person(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def first_master_key() -> str:
    """A keyring with one random key, as the setting MASTER_KEYS has it."""
    return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def write_json(path: Path, content: Any, mode: int = 0o600) -> None:
    """Replace `path` by `content` in one step, so that a crash leaves the old or the new file whole."""
    fresh = path.with_name(f"{path.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`, empty when there is no such file; LocalError when it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise LocalError(f"{path} is damaged ({error}); restore it from a backup or move it away.") from error
    if not isinstance(content, dict):
        raise LocalError(f"{path} is damaged (not an object); restore it from a backup or move it away.")
    return content


class Folder:
    """An opened `var/`: ours, locked until `close`, with the subfolders that the parts write to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "log"
        self.postgres = path / "postgres"
        self.valkey = path / "valkey"
        self.knowledge = path / "knowledge"
        self.model_store = path / "models"
        self.data_store = path / "datasets"
        self.mlflow = path / "mlflow" / "mlflow.db"
        self.anchor = path / "anchor"
        self.erasures = path / "erasures"
        self.credentials = path / "demo-credentials.json"
        self.master_keys = path / "secrets" / "master-keys"
        self._secrets = path / "secrets.json"
        self._state = path / "state.json"
        self._running = path / "running.json"
        self._lock = -1

    @classmethod
    def open(cls, path: Path) -> Self:
        """Create or take over the folder. LocalError: another's, in use, not writable, or no room left."""
        folder = cls(path)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise LocalError(f"{path} is not a folder; choose another one with VAR=.") from error
        except PermissionError as error:
            raise LocalError(
                f"{path} cannot be made or entered by you; choose another one with VAR=."
            ) from error
        folder._check_owner()
        folder._take()
        try:
            path.chmod(0o700)
            folder._check_room()
            for part in (folder.logs, folder.valkey, folder.model_store, folder.data_store):
                part.mkdir(mode=0o700, exist_ok=True)
        except BaseException:
            folder.close()
            raise
        return folder

    def _check_owner(self) -> None:
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise LocalError(
                f"{self.path} belongs to {_person(owner)}, and you are {_person(os.geteuid())}: run as "
                f"{_person(owner)}, or choose another folder with VAR=. Nothing was changed."
            )

    def _take(self) -> None:
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            running = read_json(self._running)
            where = f" at {running['url']} (process {running['pid']})" if running else ""
            raise LocalError(f"Hoofbeat already runs on {self.path}{where}.") from None

    def _check_room(self) -> None:
        needed = ROOM_TO_GO_ON if self._state.exists() else ROOM_TO_START
        if self.room() < needed:
            raise LocalError(
                f"The disk that holds {self.path} is nearly full: {self.room() // 1024**2} MB are free and "
                f"{needed // 1024**2} MB are needed. Free some space or choose another folder with VAR=."
            )

    def room(self) -> int:
        """Free bytes on the disk that holds the folder."""
        return shutil.disk_usage(self.path).free

    def is_full(self) -> bool:
        """Whether not even another segment of the write-ahead log fits."""
        return self.room() < 16 * 1024**2

    def announce(self, url: str, settings: Mapping[str, str] | None = None) -> None:
        """Write down where we run, for whoever tries to start a second one, and with which `settings`, for `manage.py`
        (see attach.py)."""
        write_json(self._running, {"pid": os.getpid(), "url": url, "settings": dict(settings or {})})

    def secrets(self) -> dict[str, str]:
        """The generated secrets, made on the first call. LocalError when they were lost but not the data."""
        known = read_json(self._secrets)
        if not known and (self.postgres / "PG_VERSION").exists():
            raise LocalError(
                f"{self._secrets} is missing, and without its passwords {self.postgres} cannot be opened. "
                "Restore it from a backup, or move the folder away to begin anew."
            )
        if "index_key" not in known:
            # First, so that the secrets are not complete before there is a keyring.
            self._make_master_keys()
        elif not self.master_keys.exists():
            raise LocalError(
                f"{self.master_keys} is missing, and without its keys no patient's name can be read. Restore it from "
                "a backup, or move the folder away to begin anew."
            )
        missing = [name for name in SECRETS if name not in known]
        if missing:
            known |= {name: secrets.token_urlsafe(48) for name in missing}
            write_json(self._secrets, known)
        return known

    def _make_master_keys(self) -> None:
        """A keyring with one key, unless there is one."""
        self.master_keys.parent.mkdir(mode=0o700, exist_ok=True)
        if not self.master_keys.exists():
            fresh = self.master_keys.with_name("master-keys.new")
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(f"{first_master_key()}\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.master_keys)

    def mark(self) -> str:
        """What every process that we start carries in its environment, so that a later run knows it for ours.

        A copy of the folder has another inode, so the original's processes are not taken for the copy's.
        """
        status = self.path.stat()
        return f"{status.st_dev}:{status.st_ino}:{self.secrets()['secret_key'][:16]}"

    def state(self) -> dict[str, Any]:
        """What the bootstrap has done."""
        return read_json(self._state)

    def save_state(self, state: dict[str, Any]) -> None:
        """Remember what the bootstrap has done."""
        write_json(self._state, state)

    def close(self) -> None:
        """Let another process have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
