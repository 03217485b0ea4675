"""`python -m ml experiment`: several algorithms on the same cases, tuned, measured alike and set side by side.

    out/run.json                        what was run: code, lock, data, knowledge, features, candidates, seed
    out/steps/validate|prepare/         what each step found; a step whose folder is there is not done again
    out/steps/train-<candidate>-<split>/
    out/features/                       the feature store of the data set (`ml.features.store`)
    out/comparison/                     comparison.json, comparison.md, plots

Every folder appears complete or not at all, so that a second run after a crash goes on where the first one stopped.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ml.errors import EngineError
from ml.evaluation.compare import HeldOut, as_markdown, measures
from ml.evaluation.folds import grouped_folds, without_leaks
from ml.evaluation.plots import plots
from ml.features.cases import CaseTable
from ml.features.definitions import FeatureSet, Fitted
from ml.features.fitting import fit_features, information_content
from ml.features.online import PARAMETERS
from ml.features.store import materialise, read_rows
from ml.folders import write_folder
from ml.training.closed import ClosedList
from ml.training.dataset import ClosedLists, Dataset, read_dataset
from ml.training.models import Budget, ExperimentCancelled
from ml.training.provenance import code_version, lock_hash
from ml.training.trials import CANDIDATES, Outcome, Task, run_trial

RESULT = "result.json"
COMPARISON = "comparison"
DEFAULT_BUDGET = Budget(trials=10)


class ExperimentError(EngineError, ValueError):
    """The experiment cannot be run so; the message says why."""


@dataclass(frozen=True)
class Experiment:
    """Without `test`, `n_folds` folds of the cases are held out in turn, and the model to keep learns from all; with
    `test`, the cases of those files are held out, and training cases of their publications and groups left out."""

    cases: tuple[Path, ...]
    knowledge: Path
    candidates: tuple[str, ...] = CANDIDATES
    test: tuple[Path, ...] = ()
    n_folds: int = 5
    budget: Budget = DEFAULT_BUDGET
    seed: int = 0


@dataclass(frozen=True)
class Split:
    """Numbers of cases to train on and of those held out; `keep`: whether its models are the ones to keep."""

    name: str
    train: list[int]
    held: list[int]
    keep: bool


def run_experiment(
    experiment: Experiment,
    out: Path,
    progress: Callable[[str, int, int], object] = lambda step, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Do what is not done yet, and return the comparison; `progress` gets (step, steps done, steps in all).

    Raises ExperimentCancelled once `cancelled` returns True, ExperimentError where `out` holds another experiment, and
    what the steps raise. With a budget in trials the same experiment gives the same `artefact_hash`.
    """
    unknown = set(experiment.candidates) - set(CANDIDATES)
    if unknown or not experiment.candidates:
        raise ExperimentError(f"candidates {sorted(unknown)}; some of {', '.join(CANDIDATES)} were expected")
    # one thread: the same rounding each time
    with threadpool_limits(1):
        return _Run(experiment, out.absolute(), progress, cancelled).run()


class _Run:
    def __init__(
        self, experiment: Experiment, out: Path, progress: Callable[[str, int, int], object],
        cancelled: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._experiment = experiment
        self._out = out
        self._progress = progress
        self._cancelled = cancelled
        self._done = 0
        self._total = 3
        self._closed: dict[str, tuple[ClosedList, CaseTable]] = {}

    @cached_property
    def _dataset(self) -> Dataset:
        return read_dataset(self._experiment.cases, self._experiment.test)

    @cached_property
    def _lists(self) -> ClosedLists:
        return ClosedLists(self._dataset, self._experiment.knowledge)

    def run(self) -> dict[str, Any]:
        for staging in (self._out / "steps").glob(".*"):  # what a killed run left
            shutil.rmtree(staging)
        identity = self._identity()
        before = self._step("validate", lambda: {RESULT: _json(self._dataset.report() | {"run": identity})})
        if before["run"] != identity:
            changed = sorted(name for name in identity if before["run"].get(name) != identity[name])
            raise ExperimentError(
                f"{self._out} holds another experiment ({', '.join(changed)} differ); another folder was expected"
            )
        prepared = self._step("prepare", self._prepare)
        splits = [Split(**split) for split in prepared["splits"]]
        (kept,) = (split for split in splits if split.keep)
        run = identity | {"feature_version": prepared["feature_versions"][kept.name]}
        self._total += len(splits) * len(self._experiment.candidates)
        outcomes: dict[str, dict[str, Outcome]] = {}
        # split by split, so that each closed list is made once and then forgotten
        for split in splits:
            self._closed.clear()
            for name in self._experiment.candidates:
                outcomes.setdefault(name, {})[split.name] = self._trained(name, split, prepared)
        return self._compared(run, splits, outcomes, prepared["diseases"])

    def _identity(self) -> dict[str, Any]:
        experiment = self._experiment
        return {
            "code": code_version(),
            "lock_sha256": lock_hash(),
            "dataset": self._dataset.version,
            "knowledge": self._lists.knowledge.version,
            "candidates": list(experiment.candidates),
            "folds": None if experiment.test else experiment.n_folds,
            "budget_a_candidate_and_split": asdict(experiment.budget),
            "seed": experiment.seed,
        }

    def _step(self, name: str, work: Callable[[], Mapping[str, bytes]]) -> dict[str, Any]:
        """The result of a step, which is done unless it was. Raises ExperimentCancelled."""
        folder = self._out / "steps" / name
        if not folder.exists():
            if self._cancelled():
                raise ExperimentCancelled(f"cancelled before {name}; what was finished is kept")
            self._progress(name, self._done, self._total)
            write_folder(folder, work())
        self._done += 1
        found: dict[str, Any] = json.loads((folder / RESULT).read_bytes())
        return found

    def _splits(self, disease: np.ndarray) -> list[Split]:
        dataset, experiment = self._dataset, self._experiment
        if experiment.test:
            held = np.flatnonzero(dataset.is_test)
            train = without_leaks(np.flatnonzero(~dataset.is_test), held, dataset.components)
            return [Split("test", train.tolist(), held.tolist(), keep=True)]
        folds = grouped_folds(disease, dataset.components, experiment.n_folds, experiment.seed)
        splits = [Split(f"fold-{k}", t.tolist(), h.tolist(), keep=False) for k, (t, h) in enumerate(folds)]
        return [*splits, Split("all", list(range(len(disease))), [], keep=True)]

    def _prepare(self) -> dict[str, bytes]:
        """Everything that is fitted is fitted on the training cases of its own split."""
        _, everything = self._lists.without(range(len(self._dataset.cases)))
        splits = self._splits(everything.disease)
        versions = {}
        for split in splits:
            candidates, cases = self._lists.without(split.train)
            information = information_content(self._lists.published, candidates.graph)
            fitted = fit_features(
                candidates.graph, information, cases.take(split.train), seed=self._experiment.seed
            )
            features = FeatureSet(candidates.graph, fitted)
            ids = [case.id for case in self._dataset.cases]
            materialise(self._out / "features", self._dataset.version, features, ids, cases)
            versions[split.name] = fitted.version
        result = {
            "feature_versions": versions,
            "diseases": list(candidates.table.diseases),
            "splits": [asdict(split) for split in splits],
        }
        return {RESULT: _json(result)}

    def _trained(self, name: str, split: Split, prepared: Mapping[str, Any]) -> Outcome:
        def work() -> dict[str, bytes]:
            if split.name not in self._closed:
                self._closed[split.name] = self._lists.without(split.train)
            candidates, cases = self._closed[split.name]
            store = self._out / "features" / self._dataset.version / prepared["feature_versions"][split.name]
            features = FeatureSet(candidates.graph, Fitted.unpack((store / PARAMETERS).read_bytes()))
            task = Task(
                candidates, cases, features, read_rows(store).values, self._dataset.components,
                split.train, split.held, split.keep,
            )  # fmt: skip
            outcome = run_trial(name, task, self._experiment.budget, self._experiment.seed, self._cancelled)
            files = {RESULT: outcome.record(), "probability.f8": outcome.probability.astype("<f8").tobytes()}
            return files if outcome.model is None else files | {"model.onnx": outcome.model}

        step = f"train-{name}-{split.name}"
        record = self._step(step, work)
        folder = self._out / "steps" / step
        flat = np.frombuffer((folder / "probability.f8").read_bytes(), "<f8")
        return Outcome(
            flat.reshape(len(split.held), len(prepared["diseases"])),
            record["parameters"],
            record["cost"],
            record["onnx"],
            (folder / "model.onnx").read_bytes() if split.keep else None,
        )

    def _compared(
        self, run: dict[str, Any], splits: list[Split], outcomes: Mapping[str, Mapping[str, Outcome]],
        diseases: list[str],
    ) -> dict[str, Any]:  # fmt: skip
        folder = self._out / COMPARISON
        if not folder.exists():
            self._progress("evaluate", self._done, self._total)
            comparison = self._evaluate(run, splits, outcomes, diseases)
            files = {
                f"{COMPARISON}.json": _json(comparison),
                f"{COMPARISON}.md": as_markdown(comparison).encode(),
            }
            write_folder(folder, files | plots(comparison))
            (self._out / "run.json").write_bytes(_json(comparison["run"]))
        self._progress("done", self._total, self._total)
        found: dict[str, Any] = json.loads((folder / f"{COMPARISON}.json").read_bytes())
        return found

    def _evaluate(
        self, run: dict[str, Any], splits: list[Split], outcomes: Mapping[str, Mapping[str, Outcome]],
        diseases: list[str],
    ) -> dict[str, Any]:  # fmt: skip
        _, cases = self._lists.without(range(len(self._dataset.cases)))
        held = np.array([case for split in splits for case in split.held], np.int64)
        n_training = np.concatenate([
            np.bincount(cases.disease[split.train], minlength=len(diseases))[cases.disease[split.held]]
            for split in splits
        ])  # fmt: skip
        known = {disease.id: disease.rarity for disease in self._lists.knowledge.diseases}
        rarity = {disease: mark for disease in diseases if (mark := known.get(disease)) is not None}
        found: dict[str, Any] = {}
        content = hashlib.sha256()
        for name, by_split in outcomes.items():
            kept = by_split[next(split.name for split in splits if split.keep)]
            probability = np.concatenate([by_split[split.name].probability for split in splits])
            found[name] = {
                "measures": measures(
                    HeldOut(probability, cases.disease[held], n_training, self._dataset.components[held]),
                    diseases, rarity,
                ),
                "parameters": kept.parameters,
                "onnx": kept.parity,
                "cost": _total_cost(list(by_split.values()), kept),
            }  # fmt: skip
            content.update(json.dumps([name, kept.parameters], sort_keys=True).encode())
            content.update(kept.model or b"")
            content.update(probability.tobytes())
        run = run | {"artefact_hash": content.hexdigest()}
        return {"run": run, "dataset": self._dataset.report(), "diseases": diseases, "candidates": found}


def _total_cost(outcomes: list[Outcome], kept: Outcome) -> dict[str, Any]:
    """Of the kept model, but for the seconds of tuning and training, which are those of all splits together."""
    seconds = sum(o.cost["tuning_seconds"] + o.cost["training_seconds"] for o in outcomes)
    return kept.cost | {"training_seconds": seconds}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
