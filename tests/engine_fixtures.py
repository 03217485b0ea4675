"""Real knowledge and a real model, made once for the whole session from the wheel's data.

`HOOFBEAT_TEST_KNOWLEDGE` and `HOOFBEAT_TEST_MODEL` name folders that were made before, to save time while developing.
"""

import os
from pathlib import Path

import pytest

from ml.knowledge.build import build_knowledge
from ml.training.train import train


@pytest.fixture(scope="session")
def knowledge_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A knowledge folder of the release that the wheel ships."""
    if prepared := os.environ.get("HOOFBEAT_TEST_KNOWLEDGE"):
        return Path(prepared)
    folder = tmp_path_factory.mktemp("knowledge") / "knowledge"
    build_knowledge(folder)
    return folder


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory, knowledge_dir: Path) -> Path:
    """A model trained on it, without cases."""
    if prepared := os.environ.get("HOOFBEAT_TEST_MODEL"):
        return Path(prepared)
    folder = tmp_path_factory.mktemp("model") / "model"
    train(folder, knowledge_dir)
    return folder
