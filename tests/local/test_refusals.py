"""What `make run` cannot work with: one clear sentence, exit code 1, nothing changed, nothing left running."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.installation import Installation

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away or mount one")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Installation]:
    """An installation that was never started."""
    installation = Installation(tmp_path / "var", {})
    yield installation
    assert installation.processes() == {}


def refusal(installation: Installation, **variables: str) -> str:
    """What is said, which must be one line (and no traceback), before it ends with exit code 1."""
    installation.start(**variables)
    assert installation.wait_for_end() == 1, installation.said()
    lines = installation.said().splitlines()
    assert len(lines) == 1, installation.said()
    return lines[0]


def test_a_busy_port(fresh: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refusal(fresh, PORT=str(port))
    assert said == (
        f"Port {port} is in use by another program: stop that, or choose another port, such as "
        f"`make run PORT={port + 1}`."
    )


@pytest.mark.parametrize("port", ["http", "-1", "65536", "80 81"])
def test_no_port_at_all(fresh: Installation, port: str) -> None:
    assert refusal(fresh, PORT=port).startswith(f"PORT is {port!r}; say a whole number from 1 to 65535")
    assert not fresh.var.exists()


@AS_ROOT
def test_a_folder_of_another_user(fresh: Installation) -> None:
    fresh.var.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(fresh.var, nobody.pw_uid, nobody.pw_gid)
    said = refusal(fresh)
    assert said.startswith(
        f"{fresh.var} belongs to nobody, and you are root: run as nobody, or choose another folder"
    )
    assert list(fresh.var.iterdir()) == []
    assert fresh.var.stat().st_uid == nobody.pw_uid


def test_a_file_where_the_folder_should_be(fresh: Installation) -> None:
    fresh.var.write_text("mine")
    assert refusal(fresh) == f"{fresh.var} is not a folder; choose another one with VAR=."
    assert fresh.var.read_text() == "mine"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@AS_ROOT
def test_a_full_disk(small_disk: Path) -> None:
    installation = Installation(small_disk / "var", {})
    installation.output = small_disk.with_name("out")
    said = refusal(installation)
    assert said.startswith(f"The disk that holds {small_disk / 'var'} is nearly full: 6")
    assert "Free some space or choose another folder with VAR=." in said
    assert installation.processes() == {}


@AS_ROOT
def test_a_disk_that_fills_up_on_the_way(small_disk: Path) -> None:
    """Told apart from a fault of PostgreSQL, although it is PostgreSQL that has no room."""
    installation = Installation(small_disk / "var", {})
    installation.output = small_disk.with_name("out")
    # Past the first look at the room: a later run needs less, and state tells that this is one.
    installation.var.mkdir()
    (installation.var / "state.json").write_text("{}")
    subprocess.run(["mount", "-o", "remount,size=110m", small_disk], check=True)
    (small_disk / "other").write_bytes(b"0" * 2 * 1024**2)
    filling = small_disk / "filling"
    installation.start()
    with filling.open("wb", buffering=0) as file:
        try:
            while file.write(b"0" * 1024**2):
                pass
        except OSError:
            pass
    assert installation.wait_for_end() == 1, installation.said()
    assert "The disk that holds" in installation.said()
    assert "Traceback" not in installation.said()
    assert installation.processes() == {}


def test_lost_passwords_are_not_replaced(stopped: Installation, tmp_path: Path) -> None:
    kept = tmp_path / "secrets.json"
    shutil.move(stopped.var / "secrets.json", kept)
    try:
        said = refusal(stopped)
        assert said.startswith(f"{stopped.var / 'secrets.json'} is missing")
        assert not (stopped.var / "secrets.json").exists()
    finally:
        shutil.move(kept, stopped.var / "secrets.json")


@pytest.mark.parametrize("name", ["HOOFBEAT_KNOWLEDGE", "HOOFBEAT_MODEL"])
def test_a_folder_that_the_engine_did_not_make(fresh: Installation, tmp_path: Path, name: str) -> None:
    said = refusal(fresh, **{name: str(tmp_path)})
    assert said == (
        f"{name} is {str(tmp_path)!r}, which holds no manifest.json; give a folder that `python -m ml` made."
    )
