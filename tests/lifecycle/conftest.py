"""A world small enough that an experiment takes a second: the hand-written release, and a model of it that answers."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.audit.services import record_event
from apps.datasets.models import DatasetVersion
from apps.knowledge.models import KnowledgeRelease
from apps.registry.models import Activation, ModelVersion
from apps.registry.services import register_model
from ml.evaluation.gates import measure
from ml.evaluation.gates.process import Resources
from ml.knowledge.build import build_knowledge
from ml.training.train import train
from tests.lifecycle.watching import fill
from tests.ml.release import write_release
from tests.ml.test_experiment import write_cases

__all__ = ["fill"]


@pytest.fixture(autouse=True)
def stores(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_STORE = tmp_path / "models"
    settings.DATA_STORE = tmp_path / "datasets"


@pytest.fixture
def scientist(user_of: Callable[..., User], actor_of: Callable[[User], Actor]) -> Actor:
    return actor_of(user_of("data_scientist"))


@pytest.fixture(scope="session")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `knowledge` and `model`, and 60 cases of 30 publications in `cases.jsonl`."""
    folder = tmp_path_factory.mktemp("small-world")
    build_knowledge(folder / "knowledge", str(write_release(folder / "release")))
    train(folder / "model", folder / "knowledge")
    write_cases(folder / "cases.jsonl", 60, 1)
    return folder


@pytest.fixture
def small_world(db: None, active_model: ModelVersion, small_files: Path) -> ModelVersion:
    """The knowledge in use, and the model that answers: it has three diseases."""
    model, _is_new = register_model(actor=SYSTEM, folder=small_files / "model")
    KnowledgeRelease.objects.create(
        version=model.knowledge_version, hpo_release="2024-02-29", sha256="0" * 64,
        folder=str(small_files / "knowledge"), manifest={},
    )  # fmt: skip
    Activation.objects.create(model=model)
    return model


@pytest.fixture
def quick_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the process that measures time and memory, which takes most of a small experiment's time."""
    measured = Resources({n: [1.0] * 300 for n in measure.N_FINDINGS}, 100.0)
    monkeypatch.setattr(measure, "measure", lambda *_: measured)


@pytest.fixture
def dataset(db: None, small_files: Path, tmp_path: Path) -> DatasetVersion:
    """The 60 cases as a version of data."""
    content = gzip.compress((small_files / "cases.jsonl").read_bytes(), mtime=0)
    path = tmp_path / "datasets" / "small.jsonl.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    made = DatasetVersion.objects.create(
        content_hash=hashlib.sha256(content).hexdigest(), path=str(path), n_cases=60
    )
    record_event(actor=SYSTEM, action="dataset.create", object_type="dataset", object_ids=[made.pk])
    return made
