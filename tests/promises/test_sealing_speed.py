"""Sealing costs the prediction path at most a twentieth: measured by turns, with real processes, in one run."""

import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from apps.audit.models import Leaf, PendingEvent
from tests.api.conftest import BODY, PREDICTIONS
from tests.promises.web_server import web_server

ROUNDS, REQUESTS = 40, 60


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of a process that works on the database of this test."""
    url = settings.APPLICATION_DATABASE_URL.rpartition("/")[0]
    return {
        **os.environ,
        "DATABASE_URL": f"{url}/{connection.settings_dict['NAME']}",
        "AUDIT_ANCHOR": (tmp_path / "anchor").as_uri(),
        "THROTTLE_RATE": "1000000/min",
    }


@pytest.fixture
def port(committed_db: None, active_model: Any, environment: dict[str, str]) -> Iterator[int]:
    """A real web server, of one process, so that both ways of measuring meet the same."""
    with web_server(environment, workers=1) as number:
        yield number


@pytest.fixture
def sealer(committed_db: None, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "seal_audit"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


class Client:
    """Sends one prediction after the other over one connection."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def predict(self, count: int) -> list[float]:
        """Milliseconds of each."""
        # As bytes, so that it leaves in one packet with the headers.
        body, times = json.dumps(BODY).encode(), []
        for _ in range(count):
            begun = time.perf_counter()
            self._connection.request("POST", PREDICTIONS, body, self._headers)
            answer = self._connection.getresponse()
            answer.read()
            assert answer.status == 201, answer.status
            times.append((time.perf_counter() - begun) * 1000)
        return times


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.parametrize("n_clients", [1, 4])
def test_predictions_are_nearly_as_fast_as_without_sealing(
    n_clients: int,
    port: int,
    sealer: subprocess.Popen[bytes],
    owner_cursor: psycopg.Cursor,
    clinician: Any,
    token_of: Callable[..., tuple[Any, str]],
) -> None:
    clients = [Client(port, token_of(clinician)[1]) for _ in range(n_clients)]

    def switch(is_on: bool) -> None:
        """Both of what sealing is to a writer: the queue's trigger, and the process that works beside it."""
        sealer.send_signal(signal.SIGCONT if is_on else signal.SIGSTOP)
        word = "ENABLE" if is_on else "DISABLE"
        owner_cursor.execute(f"ALTER TABLE audit_auditevent {word} TRIGGER queue_event")

    taken: dict[bool, list[float]] = {True: [], False: []}
    ratios = []
    with ThreadPoolExecutor(n_clients) as threads:

        def turn(count: int) -> tuple[float, list[float]]:
            """Seconds that all clients needed for `count` predictions together, and each one's milliseconds."""
            begun = time.perf_counter()
            sent = threads.map(lambda client: client.predict(count // n_clients), clients)
            times = [each for of_client in sent for each in of_client]
            return time.perf_counter() - begun, times

        turn(100)
        try:
            for number in range(ROUNDS):
                # Which comes first changes from round to round, so that neither has the warmer machine.
                seconds = {}
                for is_on in (True, False) if number % 2 else (False, True):
                    switch(is_on)
                    seconds[is_on], times = turn(REQUESTS)
                    taken[is_on] += times
                ratios.append(seconds[False] / seconds[True])
        finally:
            switch(is_on=True)
    ratio = statistics.median(ratios)
    p50 = {is_on: statistics.median(times) for is_on, times in taken.items()}
    n_sealed = Leaf.objects.count()
    print(
        f"{ROUNDS * REQUESTS:,} predictions with sealing and as many without, by turns, {n_clients} at once: "
        f"p50 {p50[True]:.2f} ms with, {p50[False]:.2f} ms without; ratio {ratio:.3f} of the rounds, "
        f"{p50[False] / p50[True]:.3f} of p50; {n_sealed:,} events sealed meanwhile"
    )
    assert n_sealed + PendingEvent.objects.count() > ROUNDS * REQUESTS
    assert n_sealed > 0
    assert ratio >= 0.95
