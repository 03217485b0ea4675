"""`make test` runs three processes of pytest beside one PostgreSQL and one Valkey (pytest-xdist).

Loaded as a plugin, before the settings are read, since each process needs queues, a cache and folders of its own;
databases are named by pytest-django.

Tests marked `timed` measure the clock: nothing runs in the others meanwhile.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_FOLDERS = ("MODEL_STORE", "DATA_STORE", "AUDIT_ANCHOR", "ERASURE_LEDGER")
_DATABASES = ("BROKER_URL", "CACHE_URL")

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker:
    for name in _FOLDERS:
        os.environ[name] = f"{os.environ[name]}-{_worker}"
    for name in _DATABASES:
        address, _, number = os.environ[name].rpartition("/")
        os.environ[name] = f"{address}/{int(number) + 2 * int(_worker.removeprefix('gw'))}"


@contextmanager
def locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock that all processes of one run know by its path."""
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield


def in_parallel() -> bool:
    """Whether this is one of several processes of one run."""
    return bool(_worker)


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Of all processes of one run."""
    base = factory.getbasetemp()
    return base.parent if _worker else base


class _ByFile(LoadScopeScheduling):
    """One process takes a whole file; or a whole folder whose tests share an installation or a browser."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.partition("::")[0])
        return str(file.parent if file.parent.name in {"local", "browser"} else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if not _worker:
        return (yield)
    folder = shared_folder(item.config._tmp_path_factory)  # type: ignore[attr-defined]
    timed = item.get_closest_marker("timed")
    file = (folder / "machine.lock").open("w")
    # Through the gate one by one, so that who waits for the whole machine is not overtaken for ever.
    with locked(folder / "gate.lock"):
        fcntl.flock(file, fcntl.LOCK_EX if timed else fcntl.LOCK_SH)
    with file:
        return (yield)
