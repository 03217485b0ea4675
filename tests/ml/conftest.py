"""A predictor over real knowledge, and a small world where everything can be computed by hand."""

import json
from pathlib import Path

import pytest

from ml.features.evidence import AnnotationTable
from ml.knowledge import read_knowledge
from ml.knowledge.build import build_knowledge
from ml.serving import Predictor
from ml.serving.vocabulary import Vocabulary
from ml.training.data import annotation_table, vocabulary_of
from ml.training.train import train
from tests.ml.packets import packet
from tests.ml.release import write_release


@pytest.fixture(scope="session")
def predictor(model_dir: Path) -> Predictor:
    """The model of the whole session."""
    return Predictor.load(model_dir)


@pytest.fixture(scope="session")
def small_knowledge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The knowledge folder of the hand-written release."""
    folder = tmp_path_factory.mktemp("small")
    build_knowledge(folder / "knowledge", str(write_release(folder / "release")))
    return folder / "knowledge"


@pytest.fixture(scope="session")
def small_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training cases for the hand-written release."""
    path = tmp_path_factory.mktemp("cases") / "train.jsonl"
    cases = [
        packet("a1", "OMIM:100001", ["HP:0000111", "HP:0000300"], ["HP:0000200"], "PMID:501"),
        packet("a2", "OMIM:100001", ["HP:0000112"], publication="PMID:502"),
        packet("c1", "OMIM:100003", ["HP:0000220", "HP:0000210"], publication="PMID:503"),
        packet("none", "OMIM:100003", [], ["HP:0000210"], publication="PMID:504"),
        packet("other", "OMIM:999999", ["HP:0000220"], publication="PMID:505"),
    ]
    path.write_text("".join(json.dumps(case) + "\n" for case in cases))
    return path


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory, small_knowledge: Path) -> Path:
    """A model of the hand-written release, without cases."""
    folder = tmp_path_factory.mktemp("small-model") / "model"
    train(folder, small_knowledge)
    return folder


@pytest.fixture(scope="session")
def small_model_with_cases(
    tmp_path_factory: pytest.TempPathFactory, small_knowledge: Path, small_cases: Path
) -> Path:
    """A model of the hand-written release, trained on `small_cases`."""
    folder = tmp_path_factory.mktemp("small-model") / "model"
    train(folder, small_knowledge, [small_cases])
    return folder


@pytest.fixture(scope="module")
def knowledge(small_knowledge: Path) -> Path:
    """The knowledge of the three fixtures below; a module may build its own instead."""
    return small_knowledge


@pytest.fixture(scope="module")
def vocabulary(knowledge: Path) -> Vocabulary:
    """The terms of the module's knowledge."""
    return vocabulary_of(read_knowledge(knowledge).terms)


@pytest.fixture(scope="module")
def table(knowledge: Path, vocabulary: Vocabulary) -> AnnotationTable:
    """The annotation rows of the module's knowledge."""
    return annotation_table(read_knowledge(knowledge), vocabulary)


@pytest.fixture(scope="module")
def model(knowledge: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the module's knowledge, without cases."""
    folder = tmp_path_factory.mktemp("model") / "model"
    train(folder, knowledge)
    return folder
