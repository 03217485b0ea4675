"""One candidate on one split: trained, asked about the held-out cases and, where it is to be kept, exported."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ml.export.bundle import bundle_files
from ml.export.classifier import ClassifierSession, classifier_onnx, classifier_parity
from ml.export.parity import TOLERANCE, check_parity
from ml.features.cases import CaseTable
from ml.features.definitions import FeatureSet, Findings
from ml.serving.artefact import MODEL
from ml.training.closed import MIN_CASES, ClosedList, fit_closed
from ml.training.memory import MemoryMeter
from ml.training.models import MODELS, Budget, probabilities, tune
from ml.training.parameters import read_parameters
from ml.training.stacking import LearnedScore

ENGINE = "engine"
CANDIDATES = (ENGINE, *MODELS)
_N_PARITY = 300
_N_TIMED = 100


@dataclass(frozen=True)
class Task:
    """A split as a candidate sees it: all `cases` in the terms of the closed list, `rows` [cases, features] of the
    feature store, numbers of training and held-out cases; `keep`: whether its model is the one to keep."""

    candidates: ClosedList
    cases: CaseTable
    features: FeatureSet
    rows: NDArray[np.float32]
    components: NDArray[np.int64]
    train: Sequence[int]
    held: Sequence[int]
    keep: bool


@dataclass(frozen=True)
class Outcome:
    """`probability` [held-out cases, diseases], parameters, what it took, and the ONNX graph where it is kept."""

    probability: NDArray[np.float64]
    parameters: dict[str, Any]
    cost: dict[str, Any]
    parity: dict[str, Any] | None
    model: bytes | None

    def record(self) -> bytes:
        """All but arrays and graph, as JSON."""
        record = {"parameters": self.parameters, "cost": self.cost, "onnx": self.parity}
        return (json.dumps(record, indent=1) + "\n").encode()


def run_trial(name: str, task: Task, budget: Budget, seed: int, cancelled: Callable[[], bool]) -> Outcome:
    """Train one of `CANDIDATES`. Raises ExperimentCancelled, and ParityError of the engine."""
    return _engine(task) if name == ENGINE else _classifier(name, task, budget, seed, cancelled)


def _classifier(name: str, task: Task, budget: Budget, seed: int, cancelled: Callable[[], bool]) -> Outcome:
    train = list(task.train)
    rows, disease = task.rows[train], task.cases.disease[train]
    started = time.perf_counter()
    with MemoryMeter() as memory:
        parameters = tune(name, task.features, rows, disease, task.components[train], budget, seed, cancelled)
        tuned = time.perf_counter()
        model = MODELS[name].fit(task.features, parameters, seed, rows, disease)
    cost = {
        "tuning_seconds": tuned - started,
        "training_seconds": time.perf_counter() - tuned,
        "training_memory_bytes": memory.growth,
    }
    n_diseases = len(task.candidates.table.diseases)
    probability = probabilities(model, task.rows[list(task.held)], n_diseases)
    if not task.keep:
        return Outcome(probability, parameters, cost, None, None)
    graph = classifier_onnx(model, rows.shape[1])
    parity = classifier_parity(model, graph, rows[:_N_PARITY])
    session = ClassifierSession(graph)
    cost |= {
        "artefact_bytes": len(graph) + len(task.features.fitted.pack()),
        "milliseconds_a_case": _milliseconds(
            lambda case: session.probabilities(task.features.row(Findings.of_case(task.cases, case))[None]),
            train[:_N_TIMED],
        ),
    }
    return Outcome(probability, parameters, cost, asdict(parity) | {"same": parity.same}, graph)


def _engine(task: Task) -> Outcome:
    cases = task.cases.take(task.train)
    names = task.candidates.table.diseases
    n_cases = np.bincount(cases.disease, minlength=len(names))
    # what many cases teach joins only where every candidate has many (docs/adr/0019)
    learned = LearnedScore() if n_cases.min() >= MIN_CASES else None
    started = time.perf_counter()
    with MemoryMeter() as memory:
        ranker = fit_closed(task.candidates, cases, learned)
    cost: dict[str, Any] = {
        "tuning_seconds": 0.0,
        "training_seconds": time.perf_counter() - started,
        "training_memory_bytes": memory.growth,
    }
    rows = task.cases.take(task.held).encode(len(task.candidates.graph))
    probability = ranker.predict_proba(rows) if len(rows) else np.zeros((0, len(names)))
    parameters = {"learned": learned is not None}
    if not task.keep:
        return Outcome(probability, parameters, cost, None, None)
    description = {
        "parameters": read_parameters(), "calibration": {"calibrated": False}, "candidates": "cases",
        "trust": {"sets": None},
    }  # fmt: skip
    files = bundle_files(ranker, task.candidates.knowledge, description)
    checked = check_parity(ranker, files[MODEL], cases.take(range(min(_N_PARITY, len(cases)))))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(files[MODEL], options, providers=["CPUExecutionProvider"])
    prior = ranker.offset_.literature_[None, :]

    def predict(case: int) -> object:
        patient = task.cases.take([case]).encode(len(task.candidates.graph))
        return session.run(["probability"], {"patient": patient, "log_prior": prior})

    cost |= {
        "artefact_bytes": sum(map(len, files.values())),
        "milliseconds_a_case": _milliseconds(predict, list(task.train)[:_N_TIMED]),
    }
    parity = {
        "n_cases": checked.n_cases, "max_difference": checked.max_difference,
        "same": checked.max_difference <= TOLERANCE,
    }  # fmt: skip
    return Outcome(probability, parameters, cost, parity, files[MODEL])


def _milliseconds(predict: Callable[[int], object], cases: Sequence[int]) -> float:
    """The median time of one case after another; the first ones, which warm up, aside."""
    times = []
    for case in cases:
        started = time.perf_counter()
        predict(case)
        times.append(time.perf_counter() - started)
    return 1000 * float(np.median(times[len(times) // 5 :]))
