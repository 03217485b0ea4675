"""One installation, bootstrapped once, that the tests start, hurt and stop."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.installation import MAKE, Installation, until


@pytest.fixture(scope="session")
def made(knowledge_dir: Path, model_dir: Path) -> dict[str, str]:
    """Knowledge and model that were made already, so that no test here trains."""
    return {"HOOFBEAT_KNOWLEDGE": str(knowledge_dir), "HOOFBEAT_MODEL": str(model_dir)}


@pytest.fixture(scope="session")
def bootstrapped(tmp_path_factory: pytest.TempPathFactory, made: dict[str, str]) -> Iterator[Installation]:
    """An installation after its first run, begun with make; what that said is in `first_output`."""
    installation = Installation(tmp_path_factory.mktemp("installation") / "var", made)
    # A variable of another project, which Celery would prefer to all that it is told: nothing listens there.
    installation.start(*MAKE, CELERY_BROKER_URL="redis://127.0.0.1:1/0")
    try:
        installation.wait_until_ready(180)
        until(lambda: "Ctrl-C stops Hoofbeat" in installation.said(), 10, "all is said")
        installation.first_output = installation.said()
        yield installation
    finally:
        installation.stop()


@pytest.fixture
def running(bootstrapped: Installation) -> Installation:
    """The installation, up and well, whatever the test before did to it."""
    if bootstrapped.supervisor is None or bootstrapped.supervisor.poll() is not None:
        bootstrapped.start()
        bootstrapped.wait_until_ready()
    return bootstrapped


@pytest.fixture
def stopped(bootstrapped: Installation) -> Installation:
    """The installation, not running."""
    bootstrapped.stop()
    return bootstrapped
