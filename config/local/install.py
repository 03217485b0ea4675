"""Makes `.venv` hold exactly requirements/lock.txt; run as a file, before anything is installed.

Standard library only, and no newer syntax than Python 3.6 has: an old Python must get to the sentence that
refuses it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "lock.txt"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
OLDEST, NEWEST = (3, 11), (3, 13)


class InstallError(Exception):
    """A problem whose text is the whole message."""


def _say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _suits(version):
    return OLDEST <= tuple(version[:2]) <= NEWEST


def _use_a_suitable_python():
    """Go on in another Python when this one is too old or too new."""
    if _suits(sys.version_info):
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        other = shutil.which(f"python3.{minor}")
        if other and _succeeds([other, "-c", ""]):
            os.execv(other, [other, "-I", str(Path(__file__).resolve())])  # noqa: S606
    raise InstallError(
        f"Hoofbeat needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}, and {sys.executable} is "
        f"{sys.version_info[0]}.{sys.version_info[1]}. Install one of them, or name it: PYTHON=python3.12"
    )


def _key():
    """Of what was locked and where it was installed: scripts in `.venv/bin` hold its path."""
    return f"{hashlib.sha256(LOCK.read_bytes()).hexdigest()} {VENV}"


def _is_installed():
    try:
        return STAMP.read_text() == _key() and subprocess.call([str(PYTHON), "-c", ""]) == 0
    except OSError:
        return False


def _is_usable():
    """Whether `.venv` can be brought up to date: an installation ended well in it, here, with a Python that runs."""
    try:
        where = STAMP.read_text().split(" ", 1)[1:]
        shown = subprocess.check_output(
            [str(PYTHON), "-c", "import sys; print(sys.version_info[0], sys.version_info[1])"],
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    version = tuple(int(number) for number in shown.split())
    return where == [str(VENV)] and _suits(version) and (VENV / "bin" / "uv").exists()


def _make_environment():
    _say(f"Making .venv with {sys.executable} ...")
    if VENV.exists():
        shutil.rmtree(str(VENV))
    # Without ensurepip, which Debian keeps in a package of its own: pip is needed once, for uv, below.
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "uv.txt"
        pinned.write_text(_locked("uv"))
        uv = shutil.which("uv")
        words = ["install", "--quiet", "--require-hashes", "--no-deps", "-r", str(pinned)]
        if uv:
            command = [uv, "pip", *words, "--python", str(PYTHON)]
        elif _succeeds([str(PYTHON), "-m", "ensurepip", "--default-pip"]):
            command = [str(PYTHON), "-m", "pip", *words]
        elif _succeeds([sys.executable, "-m", "pip", "--version"]):
            command = [sys.executable, "-m", "pip", "--python", str(PYTHON), *words]
        else:
            raise InstallError(
                f"{sys.executable} has neither ensurepip nor pip, and there is no uv, so nothing can be "
                "installed. On Debian and Ubuntu: apt-get install python3-venv"
            )
        if subprocess.call(command) != 0:
            raise InstallError("uv could not be installed (see above); is the package registry reachable?")


def _succeeds(command):
    return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def _locked(name):
    """The lines of the lock that pin package `name`, with its hashes."""
    lines = LOCK.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(name + "=="))
    after = next(
        number for number in range(first + 1, len(lines)) if not lines[number].startswith("    --hash")
    )
    return "\n".join(lines[first:after]) + "\n"


def _install():
    _say("Installing the locked packages ...")
    # While packages change there is no stamp: after an interruption nobody knows what is whole.
    before = STAMP.read_text() if STAMP.exists() else None
    if before:
        STAMP.unlink()
    uv = str(VENV / "bin" / "uv")
    code = subprocess.call(
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON), str(LOCK)], cwd=str(ROOT)
    )
    if code > 0 and before:
        STAMP.write_text(before)  # uv refused before it changed anything
    if code != 0:
        raise InstallError(
            "The packages could not be installed (see above); is the package registry reachable?"
        )
    STAMP.write_text(_key())


def main():
    """Returns the exit code."""
    try:
        _use_a_suitable_python()
        # Two at once (`make run` beside `make test`) take turns.
        turn = os.open(str(ROOT), os.O_RDONLY)
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not _is_installed():
            if not _is_usable():
                _make_environment()
            _install()
    except InstallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{' '.join(error.cmd)} failed with exit code {error.returncode}.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'The operating system'}: {error.strerror or error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
