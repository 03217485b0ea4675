"""A clock that nobody waits for."""

import pytest

from ml.data.connectors import web
from tests.ml.data.servers import FakeClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """In place of the clock of all connectors that speak HTTP."""
    fake = FakeClock()
    monkeypatch.setattr(web, "CLOCK", fake)
    return fake
