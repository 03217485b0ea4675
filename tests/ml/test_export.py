"""The exported graph is the estimator, twice the same, and nothing broken is ever written."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from ml.data.records import read_cases
from ml.export.parity import ParityError, check_parity
from ml.features.cases import CaseTable
from ml.knowledge import read_knowledge
from ml.serving import Predictor
from ml.training.data import annotation_table, load_cases, vocabulary_of
from ml.training.diagnosed import with_diagnoses
from ml.training.parameters import new_ranker, read_parameters
from ml.training.profiles import Evidence
from ml.training.ranker import PhenotypeRanker
from ml.training.simulate import simulated_cases
from ml.training.train import train
from ml.training.trust import nearest_set, read_trust
from tests.ml.packets import numbers_of


def fitted(knowledge_folder: Path, case_file: Path | None = None) -> PhenotypeRanker:
    knowledge = read_knowledge(knowledge_folder)
    if case_file is not None:
        knowledge = with_diagnoses(knowledge, read_cases(case_file), frozenset())
    vocabulary = vocabulary_of(knowledge.terms)
    table = annotation_table(knowledge, vocabulary)
    cases = None
    if case_file is not None:
        loaded = load_cases([case_file], vocabulary, numbers_of(table)).table
        cases = loaded.take(c for c in range(len(loaded)) if loaded.disease[c] >= 0 and loaded.present[c])
    sources = [source["name"] for source in knowledge.manifest["sources"]]
    trust = nearest_set(read_trust(), sources, cases is not None)
    return new_ranker(read_parameters(), trust).fit(Evidence(vocabulary.graph, table, cases))


def one_case(present: list[int], absent: list[int], age: float | None) -> CaseTable:
    return CaseTable(np.array([-1]), (tuple(present),), (tuple(absent),), ((),), (age,), (None,))


@pytest.fixture(scope="module")
def with_cases(small_knowledge: Path, small_cases: Path) -> PhenotypeRanker:
    return fitted(small_knowledge, small_cases)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_graph_and_estimator_agree_on_any_patient(
    small_model_with_cases: Path, with_cases: PhenotypeRanker, data: st.DataObject
) -> None:
    n_terms = len(with_cases.likelihood_.graph_)
    states = data.draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=n_terms, max_size=n_terms))
    age = data.draw(st.sampled_from([None, 0.0, 0.05, 0.5, 1.0, 4.9, 16.0, 59.0, 60.0, 120.0]))
    case = one_case(
        [t for t in range(n_terms) if states[t] > 0], [t for t in range(n_terms) if states[t] < 0], age
    )
    row = case.encode(n_terms)
    predictor = _predictor(small_model_with_cases)
    score, probability = predictor.run_row(row[0], "score", "probability")
    assert score == pytest.approx(with_cases.decision_function(row)[0], abs=1e-5)
    assert probability == pytest.approx(with_cases.predict_proba(row)[0], abs=1e-5)


_opened: dict[Path, Predictor] = {}


def _predictor(folder: Path) -> Predictor:
    if folder not in _opened:
        _opened[folder] = Predictor.load(folder)
    return _opened[folder]


def test_the_real_model_agrees_too(model_dir: Path) -> None:
    """As measured when it was made, by the check that the next two tests show to refuse what differs."""
    parity = Predictor.load(model_dir).manifest.raw["parity"]
    assert parity["max_difference"] <= 1e-5
    assert parity["same_top10"] == parity["n_cases"] == 1000


def test_a_graph_that_differs_is_refused(small_model: Path, small_knowledge: Path) -> None:
    ranker = fitted(small_knowledge)
    model = onnx.load(small_model / "model.onnx")
    (dense,) = (t for t in model.graph.initializer if t.name.startswith("dense"))
    changed = numpy_helper.to_array(dense) + np.uint8(7)
    dense.CopyFrom(numpy_helper.from_array(changed, dense.name))
    cases = simulated_cases(ranker.evidence_.graph, ranker.evidence_.table, 50)
    with pytest.raises(ParityError, match="differs from the estimator"):
        check_parity(ranker, model.SerializeToString(), cases)


def test_nothing_is_written_when_parity_fails(
    small_knowledge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.export.parity.TOLERANCE", -1.0)
    with pytest.raises(ParityError):
        train(tmp_path / "model", small_knowledge)
    assert list(tmp_path.iterdir()) == []


def test_training_twice_gives_the_same_bytes(
    small_model_with_cases: Path, small_knowledge: Path, small_cases: Path, tmp_path: Path
) -> None:
    again = train(tmp_path / "model", small_knowledge, [small_cases])
    assert again.artefact_hash == Predictor.load(small_model_with_cases).manifest.artefact_hash
    for file in small_model_with_cases.iterdir():
        if file.name != "manifest.json":  # it holds the time
            assert (tmp_path / "model" / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.slow
@pytest.mark.skipif(
    "HOOFBEAT_TEST_MODEL" in os.environ, reason="the prepared model may be of another version"
)
def test_training_the_real_model_twice_gives_the_same_hash(
    model_dir: Path, knowledge_dir: Path, tmp_path: Path
) -> None:
    again = train(tmp_path / "model", knowledge_dir)
    assert again.artefact_hash == Predictor.load(model_dir).manifest.artefact_hash
    assert again.parity.n_cases == 1000
    assert again.megabytes < 100


def test_cases_without_use_are_left_out_and_counted(small_model_with_cases: Path) -> None:
    notes = Predictor.load(small_model_with_cases).manifest.raw["model"]["cases"]
    assert (notes["read"], notes["used"], notes["diseases"]) == (5, 4, 3)


def test_publications_can_be_excluded(small_knowledge: Path, small_cases: Path, tmp_path: Path) -> None:
    held = tmp_path / "held.jsonl"
    held.write_text(small_cases.read_text().splitlines()[0].replace("PMID:501", "PMID:31"))
    train(tmp_path / "model", small_knowledge, [small_cases], [held])
    predictor = Predictor.load(tmp_path / "model")
    gamma = predictor.disease_ids.index("OMIM:100003")
    table = predictor.annotations
    assert "PMID:31" not in table.references_of(range(len(table)))
    assert not len(table.rows_of(gamma))
    assert predictor.training_cases is not None
    assert len(predictor.training_cases.of_disease(gamma)) == 1  # PMID:503 stays
