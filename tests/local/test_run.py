"""`make run`, through its own door: it comes up, survives what happens to it, and leaves nothing behind."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.local.installation import MAKE, PARTS, ROOT, Installation, until


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_run_says_where_it_is_and_who_may_enter(bootstrapped: Installation) -> None:
    said = bootstrapped.first_output
    assert re.search(rf"^Hoofbeat is ready at http://127.0.0.1:{bootstrapped.port}$", said, re.MULTILINE)
    credentials = bootstrapped.credentials()
    assert credentials["url"] == f"http://127.0.0.1:{bootstrapped.port}"
    assert {account["role"] for account in credentials["accounts"]} == {
        "clinician", "data_scientist", "privacy_officer", "auditor", "administrator", "integrator",
    }  # fmt: skip
    for account in credentials["accounts"]:
        row = rf"^ +{account['role']} +{account['username']} +{re.escape(account['password'])}$"
        assert re.search(row, said, re.MULTILINE), account["role"]
    assert credentials["api_token"] in said


def test_nobody_else_can_read_its_secrets(running: Installation) -> None:
    assert mode(running.var) == 0o700
    for name in ("secrets.json", "demo-credentials.json", "valkey/valkey.conf"):
        assert mode(running.var / name) == 0o600, name
    # Arguments can be read by every user of the machine.
    hidden = json.loads((running.var / "secrets.json").read_text())
    for words in running.processes().values():
        assert not any(secret in words for secret in hidden.values()), words


def test_all_parts_run_and_postgres_not_as_root(running: Installation) -> None:
    for part in PARTS:
        number = running.process_of(part)
        assert number is not None, part
        if part == "postgres":
            assert Path(f"/proc/{number}").stat().st_uid != 0


def test_the_engine_reports_to_nobody(running: Installation) -> None:
    """ONNX Runtime sends telemetry to its maker unless this is set before it is loaded."""
    for part in ("web", "worker", "beat"):
        variables = Path(f"/proc/{running.process_of(part)}/environ").read_bytes().split(b"\0")
        assert b"ORT_DISABLE_TELEMETRY=1" in variables, part


@pytest.mark.timed
def test_a_later_run_is_quick(stopped: Installation) -> None:
    """At most as long as three starts of Django alone on this machine, measured before and after."""
    alone = django_alone()
    started = time.monotonic()
    stopped.start()
    stopped.wait_until_ready()
    elapsed = time.monotonic() - started
    stopped.stop()
    alone = (alone + django_alone()) / 2
    assert elapsed <= 3 * alone, f"{elapsed:.1f} s, and {alone:.1f} s for Django alone"


def django_alone() -> float:
    """Seconds that Django needs to start and check itself."""
    started = time.monotonic()
    subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=os.environ, check=True)
    return time.monotonic() - started


def test_a_later_run_keeps_the_passwords_to_itself(stopped: Installation) -> None:
    known = stopped.credentials()
    stopped.start()
    stopped.wait_until_ready()
    until(lambda: "Ctrl-C stops Hoofbeat" in stopped.said(), 10, "where the accounts are kept")
    assert str(stopped.var / "demo-credentials.json") in stopped.said()
    assert not any(account["password"] in stopped.said() for account in known["accounts"])
    assert stopped.credentials() == known


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_killed_comes_back(running: Installation, part: str) -> None:
    number = running.process_of(part)
    assert number is not None
    said = running.said().count(f"{part} ended")
    os.kill(number, signal.SIGKILL)
    until(
        lambda: running.said().count(f"{part} ended (killed by SIGKILL)") > said,
        10,
        f"says that {part} ended",
    )
    successor = until(lambda: running.process_of(part), 10, f"a new {part}")
    assert successor != number
    until(lambda: running.get("/health/ready")[0] == 200, 30, "ready again")


def test_killing_everything_loses_nothing(running: Installation) -> None:
    token = {"Authorization": f"Token {running.credentials()['api_token']}"}
    models = running.get("/api/v1/models/", **token)
    assert models[0] == 200
    assert running.supervisor is not None
    for number in (running.supervisor.pid, *running.processes()):
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue
    running.wait_for_end()
    running.start()
    running.wait_until_ready()
    assert running.get("/api/v1/models/", **token) == models


def test_a_killed_supervisor_takes_its_parts_along(running: Installation) -> None:
    assert running.supervisor is not None
    running.supervisor.kill()
    running.wait_for_end()
    until(lambda: not running.processes(), 30, "all parts have ended")


def test_what_outlives_a_killed_supervisor_is_ended_by_the_next(running: Installation) -> None:
    """Stopped processes act on no signal but SIGKILL, which PostgreSQL and Valkey are not sent at once."""
    assert running.supervisor is not None
    for number in running.processes():
        os.kill(number, signal.SIGSTOP)
    running.supervisor.kill()
    running.wait_for_end()
    outliving = {part: running.process_of(part) for part in ("postgres", "valkey")}
    assert None not in outliving.values()
    running.start()
    running.wait_until_ready()
    assert re.search(r"^Ended \d+ processes that an earlier run had left\.$", running.said(), re.MULTILINE)
    assert not set(outliving.values()) & set(running.processes())


def test_a_process_number_left_in_the_data_folder_may_be_anybodys_now(stopped: Installation) -> None:
    lock = stopped.var / "postgres" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n/proc/self/cwd\n0\n1\n\n127.0.0.1\n\nready\n")
    stopped.start()
    stopped.wait_until_ready()
    assert lock.read_text().splitlines()[0] == str(stopped.process_of("postgres"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wish_to_stop_stops_all(running: Installation, number: signal.Signals) -> None:
    assert running.supervisor is not None
    running.supervisor.send_signal(number)
    assert running.wait_for_end() == 0
    assert running.processes() == {}
    assert running.said().endswith("Stopping ...\nHoofbeat has stopped.\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ending_make_stops_all(stopped: Installation, number: signal.Signals) -> None:
    stopped.start(*MAKE)
    stopped.wait_until_ready()
    assert stopped.supervisor is not None
    stopped.supervisor.send_signal(number)
    stopped.wait_for_end()
    until(lambda: not stopped.processes(), 30, "all parts have ended")


def test_a_second_run_on_the_same_folder_is_refused(running: Installation) -> None:
    second = Installation(running.var, {})
    second.output = running.var.with_name("second.out")
    second.start()
    assert second.wait_for_end() == 1
    assert running.supervisor is not None
    assert second.said() == (
        f"Hoofbeat already runs on {running.var} at http://127.0.0.1:{running.port} "
        f"(process {running.supervisor.pid}).\n"
    )
    assert running.get("/health/ready")[0] == 200
