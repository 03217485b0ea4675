"""Which code and which locked packages made a result."""

import hashlib
import subprocess
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def code_version() -> str:
    """The git commit, with "-dirty" where files differ from it; the package's version where there is no repository."""
    if (_ROOT / ".git").exists():
        command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"]
        try:
            return subprocess.check_output(command, cwd=_ROOT, text=True, stderr=subprocess.DEVNULL).strip()
        except (OSError, subprocess.CalledProcessError):
            pass  # no git here, or a repository of another owner
    project = _ROOT / "pyproject.toml"
    return str(tomllib.loads(project.read_text())["project"]["version"]) if project.is_file() else "unknown"


def lock_hash() -> str | None:
    """SHA-256 of the locked packages; None where the lock was not shipped."""
    lock = _ROOT / "requirements" / "lock.txt"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None
