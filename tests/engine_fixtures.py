"""Real knowledge and a real model, made once for the whole session from the wheel's data.

`HOOFBEAT_TEST_KNOWLEDGE` and `HOOFBEAT_TEST_MODEL` name folders that were made before, to save time while developing.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.knowledge.build import build_knowledge
from ml.training.train import train
from tests.workers import locked, shared_folder


@pytest.fixture(scope="session")
def knowledge_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A knowledge folder of the release that the wheel ships."""
    return _made_once(tmp_path_factory, "knowledge", build_knowledge)


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory, knowledge_dir: Path) -> Path:
    """A model trained on it, without cases."""
    return _made_once(tmp_path_factory, "model", lambda folder: train(folder, knowledge_dir))


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    if prepared := os.environ.get(f"HOOFBEAT_TEST_{name.upper()}"):
        return Path(prepared)
    folder = shared_folder(factory) / name
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            make(folder)
    return folder
