"""Experiments: nothing leaks, the same twice, resumed and cancelled; every algorithm learns; MLflow reads it back."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient

from ml.cli import main
from ml.evaluation.compare import HeldOut, measures
from ml.evaluation.folds import FoldError, components_of, grouped_folds, without_leaks
from ml.training import experiment as experiments
from ml.training import trials
from ml.training.experiment import Experiment, ExperimentError, run_experiment
from ml.training.models import MODELS, Budget, ExperimentCancelled
from ml.training.tracking import log_bundle
from ml.training.trials import CANDIDATES, ENGINE

TERMS = ("HP:0000111", "HP:0000112", "HP:0000210", "HP:0000220", "HP:0000300")
# how often patients of each disease have each of `TERMS`
HABITS = {
    "OMIM:100001": (0.9, 0.1, 0.4, 0.1, 0.2),
    "OMIM:100002": (0.1, 0.8, 0.1, 0.2, 0.5),
    "OMIM:100003": (0.1, 0.1, 0.2, 0.9, 0.2),
}


def write_cases(path: Path, n: int, seed: int, prefix: str = "c") -> Path:
    random = np.random.default_rng(seed)
    lines = []
    for i in range(n):
        disease = list(HABITS)[i % len(HABITS)]
        has = random.random(len(TERMS)) < HABITS[disease]
        asked = random.random(len(TERMS)) < 0.6
        findings = [
            {"id": term, "state": "present" if has[k] else "absent"}
            for k, term in enumerate(TERMS)
            if has[k] or asked[k]
        ]
        record = {
            "schema": "hoofbeat-case/1", "id": f"{prefix}{i}", "age": f"P{random.integers(1, 80)}Y", "sex": "female",
            "findings": findings, "diagnoses": [{"id": disease}], "publications": [f"PMID:{i // 2}"],
        }  # fmt: skip
        lines.append(json.dumps(record) + "\n")
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory, small_knowledge: Path) -> Experiment:
    """Two folds of 60 cases, nothing tuned."""
    cases = write_cases(tmp_path_factory.mktemp("cases") / "cases.jsonl", 60, 1)
    return Experiment((cases,), small_knowledge, n_folds=2, budget=Budget(trials=0), seed=3)


@pytest.fixture(scope="module")
def out(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment") / "all"
    run_experiment(experiment, folder)
    return folder


@pytest.fixture(scope="module")
def quick(experiment: Experiment) -> Experiment:
    return replace(experiment, candidates=(ENGINE, "naive_bayes", "nearest_neighbours"))


@pytest.fixture(scope="module")
def quick_out(quick: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment") / "quick"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(experiments, "plots", lambda comparison: {})
        run_experiment(quick, folder)
    return folder


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without plots, which take most of the time of a small experiment."""
    monkeypatch.setattr(experiments, "plots", lambda comparison: {})


def comparison_in(folder: Path) -> dict:
    return json.loads((folder / "comparison/comparison.json").read_text())


@settings(max_examples=60, deadline=None)
@given(
    groups=st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), max_size=3), min_size=8, max_size=40),
    n_diseases=st.integers(1, 4), n_folds=st.integers(2, 4), seed=st.integers(0, 9),
)  # fmt: skip
def test_no_group_reaches_over_two_folds(
    groups: list[list[str]], n_diseases: int, n_folds: int, seed: int
) -> None:
    components = components_of(groups)
    disease = np.arange(len(groups)) % n_diseases
    try:
        folds = grouped_folds(disease, components, n_folds, seed)
    except FoldError:
        assert len(set(components.tolist())) < n_folds
        return
    for train, held in folds:
        seen = {name for case in train for name in groups[case]}
        assert all(seen.isdisjoint(groups[case]) for case in held)
        assert sorted([*train, *held]) == list(range(len(groups)))
    assert sorted(case for _, held in folds for case in held) == list(range(len(groups)))


def test_groups_connect_over_others_and_nothing_of_a_test_case_is_learned() -> None:
    components = components_of([["a"], ["b"], ["a", "b"], ["c"], []])
    assert len(set(components[:3].tolist())) == 1
    assert len(set(components.tolist())) == 3
    assert without_leaks(np.array([0, 3, 4]), np.array([1]), components).tolist() == [3, 4]


def test_each_candidate_beats_chance_and_its_graph_computes_the_same(out: Path) -> None:
    comparison = comparison_in(out)
    assert list(comparison["candidates"]) == list(CANDIDATES)
    for name, found in comparison["candidates"].items():
        m = found["measures"]
        assert m["n"] == 60
        assert m["top1"] > 0.6, name  # of three diseases
        assert m["macro_roc_auc"] > 0.75
        low, high = m["intervals"]["top1"]
        assert low <= m["top1"] <= high
        assert m["top1"] <= m["accuracy"]  # of equally probable diseases the first may be right
        assert np.trace(m["confusion"]["counts"]) == round(60 * m["accuracy"])
        assert m["by_training_cases"]["5+"]["n"] == 60
        assert found["cost"]["artefact_bytes"] >= (out / f"steps/train-{name}-all/model.onnx").stat().st_size
        assert found["cost"]["milliseconds_a_case"] > 0
        # equally near cases are in no order, so that graph and estimator may take different ones
        if name != "nearest_neighbours":
            assert found["onnx"]["same"], name
            assert found["onnx"]["max_difference"] < 1e-4


@pytest.mark.usefixtures("plain")
def test_a_graph_that_computes_something_else_is_said(
    tmp_path: Path, quick: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_all = trials.classifier_onnx

    def other(model: object, n_features: int) -> bytes:
        model.named_steps["model"].feature_log_prob_[:, 0] += 1  # type: ignore[attr-defined]
        graph = of_all(model, n_features)
        model.named_steps["model"].feature_log_prob_[:, 0] -= 1  # type: ignore[attr-defined]
        return graph

    monkeypatch.setattr(trials, "classifier_onnx", other)
    found = run_experiment(replace(quick, candidates=("naive_bayes",)), tmp_path / "x")
    assert not found["candidates"]["naive_bayes"]["onnx"]["same"]
    assert "differs by" in (tmp_path / "x/comparison/comparison.md").read_text()


def test_what_was_run_is_named_and_shown(out: Path) -> None:
    run = json.loads((out / "run.json").read_text())
    assert {
        "code",
        "lock_sha256",
        "dataset",
        "knowledge",
        "feature_version",
        "seed",
        "artefact_hash",
    } <= run.keys()
    assert (out / "features" / run["dataset"] / run["feature_version"] / "features.parquet").is_file()
    names = {path.name for path in (out / "comparison").iterdir()}
    shown = {"accuracy", "reliability", *(f"confusion-{name}" for name in CANDIDATES)}
    assert {f"{name}.{form}" for name in shown for form in ("svg", "png")} < names
    table = (out / "comparison/comparison.md").read_text()
    assert all(f"| {name} |" in table for name in CANDIDATES)


@pytest.mark.usefixtures("plain")
def test_the_same_experiment_gives_the_same_artefacts(
    quick_out: Path, quick: Experiment, tmp_path: Path
) -> None:
    (path,) = quick.cases
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_text(
        "".join(sorted(path.read_text().splitlines(keepends=True), key=lambda line: line[::-1]))
    )
    again = run_experiment(replace(quick, cases=(shuffled,)), tmp_path / "again")
    assert again["run"] == comparison_in(quick_out)["run"]


@pytest.mark.usefixtures("plain")
def test_tuning_is_seeded(tmp_path: Path, quick: Experiment) -> None:
    tuned = replace(quick, candidates=("naive_bayes",), budget=Budget(trials=3))
    first, second = (run_experiment(tuned, tmp_path / name) for name in ("a", "b"))
    assert first["run"]["artefact_hash"] == second["run"]["artefact_hash"]
    found = first["candidates"]["naive_bayes"]["parameters"]
    assert found.keys() == MODELS["naive_bayes"].defaults.keys()


@pytest.mark.usefixtures("plain")
def test_killed_and_run_again_gives_the_same(tmp_path: Path, quick: Experiment, quick_out: Path) -> None:
    class Killed(BaseException):
        """Passes through everything that handles errors."""

    def kill(step: str, done: int, total: int) -> None:
        if step == "train-nearest_neighbours-fold-1":
            raise Killed

    with pytest.raises(Killed):
        run_experiment(quick, tmp_path / "killed", kill)
    left = {path.name for path in (tmp_path / "killed/steps").iterdir()}
    assert "train-naive_bayes-fold-1" in left
    (tmp_path / "killed/steps/.train-half-written").mkdir()
    done: list[str] = []
    again = run_experiment(quick, tmp_path / "killed", lambda step, *_: done.append(step))
    assert again["run"] == comparison_in(quick_out)["run"]
    assert done == [
        "train-nearest_neighbours-fold-1", "train-engine-all", "train-naive_bayes-all", "train-nearest_neighbours-all",
        "evaluate", "done",
    ]  # fmt: skip
    assert not (tmp_path / "killed/steps/.train-half-written").exists()


def test_cancelling_keeps_what_is_finished(tmp_path: Path, quick: Experiment) -> None:
    done: list[str] = []
    with pytest.raises(ExperimentCancelled, match="what was finished is kept"):
        run_experiment(quick, tmp_path / "x", lambda step, *_: done.append(step), lambda: len(done) == 3)
    assert [path.name for path in (tmp_path / "x/steps").glob("train-*")] == ["train-engine-fold-0"]
    tuned = replace(quick, candidates=("naive_bayes",), budget=Budget(trials=1000))
    asked = iter([False] * 5 + [True] * 1000)
    with pytest.raises(ExperimentCancelled, match="while tuning"):
        run_experiment(tuned, tmp_path / "y", cancelled=lambda: next(asked))


def test_another_experiment_does_not_go_into_the_folder(
    out: Path, experiment: Experiment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(ExperimentError, match="another experiment \\(seed differ\\)"):
        run_experiment(replace(experiment, seed=4), out)
    with pytest.raises(ExperimentError, match="candidates \\['magic'\\]"):
        run_experiment(replace(experiment, candidates=("magic",)), out)
    twice = [str(experiment.cases[0])] * 2
    command = [
        "experiment",
        "--knowledge",
        str(experiment.knowledge),
        "--out",
        str(tmp_path / "x"),
        "--cases",
    ]
    assert main([*command, *twice]) == 1
    assert "60 ids stand for several cases" in capsys.readouterr().err


def test_a_disease_without_training_cases_is_ranked_by_knowledge_only() -> None:
    probability = np.array([[0.6, 0.4, 0.0], [0.2, 0.8, 0.0], [0.5, 0.5, 0.0]])
    held = HeldOut(probability, np.array([0, 1, 2]), np.array([9, 3, 0]), np.array([0, 1, 2]))
    found = measures(held, ["a", "b", "c"], {"c": "rare"})
    assert found["top1"] == pytest.approx(2 / 3)
    assert [found["by_training_cases"][stratum]["top1"] for stratum in ("0", "1-4", "5+")] == [0, 1, 1]
    assert found["by_rarity"] == {"rare": found["by_training_cases"]["0"]}


def test_the_command_tests_on_other_files_and_mlflow_reads_it_back(
    tmp_path: Path, experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    # half of the test cases are of the publications of training cases, which are then not learned from
    test = write_cases(tmp_path / "test.jsonl", 30, 2, prefix="t")
    new = {"schema": "hoofbeat-case/1", "id": "new", "findings": [{"id": "HP:0000210", "state": "present"}],
           "diagnoses": [{"id": "OMIM:100004"}]}  # fmt: skip
    test.write_text(test.read_text() + json.dumps(new) + "\n")
    out = tmp_path / "out"
    command = [
        "experiment", "--cases", str(experiment.cases[0]), "--test", str(test),
        "--knowledge", str(experiment.knowledge),
        "--candidates", f"{ENGINE},naive_bayes", "--budget-trials", "0", "--out", str(out),
    ]  # fmt: skip
    assert main(command) == 0
    assert "| naive_bayes | 31 |" in capsys.readouterr().out
    (split,) = json.loads((out / "steps/prepare/result.json").read_text())["splits"]
    assert (len(split["train"]), len(split["held"])) == (30, 31)
    assert main(command) == 0  # nothing is logged twice
    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    logged = client.search_runs([client.get_experiment_by_name("hoofbeat").experiment_id])
    assert {run.info.run_name for run in logged} == {ENGINE, "naive_bayes"}
    found = comparison_in(out)
    # a disease without training cases keeps its place, and the engine leaves out what only many cases teach
    assert found["candidates"][ENGINE]["measures"]["by_training_cases"]["0"]["n"] == 1
    assert found["candidates"][ENGINE]["parameters"] == {"learned": False}
    for run in logged:
        candidate = found["candidates"][run.info.run_name]
        assert run.data.metrics["measures/top1"] == candidate["measures"]["top1"]
        assert run.data.metrics["cost/artefact_bytes"] == candidate["cost"]["artefact_bytes"]
        assert run.data.tags["artefact_hash"] == found["run"]["artefact_hash"]
        assert "accuracy.svg" in {file.path for file in client.list_artifacts(run.info.run_id)}

    # a bundle becomes a version of the registered model, once
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/manifest.json").write_text("{}")
    gates = [
        {"name": "latency: 5 findings", "figure": 12.5, "verdict": "passed"},
        {"name": "x", "figure": None},
    ]
    for _ in range(2):
        log_bundle(
            tmp_path / "bundle",
            "model 7",
            {"model_hash": "abc", "seed": 3},
            gates,
            f"sqlite:///{out / 'mlflow.db'}",
        )
    (version,) = client.search_model_versions("name = 'hoofbeat'")
    assert version.tags == {"model_hash": "abc", "seed": "3"}
    assert client.get_run(version.run_id).data.metrics == {"gates/latency_ 5 findings": 12.5}
    assert {file.path for file in client.list_artifacts(version.run_id, "bundle")} == {"bundle/manifest.json"}
