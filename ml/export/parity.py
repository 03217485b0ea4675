"""Proves that the exported graph computes the same function as the estimator."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ml.errors import EngineError
from ml.features.cases import CaseTable
from ml.training.ranker import PhenotypeRanker

TOLERANCE = 1e-5
_CHUNK = 100


class ParityError(EngineError, RuntimeError):
    """Graph and estimator differ; the model must not be used."""


@dataclass(frozen=True)
class Parity:
    """What was compared: `max_difference` of any probability, and the cases with the same first ten diseases."""

    n_cases: int
    max_difference: float
    same_top10: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For the manifest; without the time, so that it is the same twice."""
        record = asdict(self)
        del record["seconds"]
        return record


def check_parity(
    ranker: PhenotypeRanker,
    model: bytes,
    cases: CaseTable,
    progress: Callable[[int], object] = lambda n: None,
) -> Parity:
    """Compare on some cases. Raises ParityError when any probability differs by more than 1e-5, or any top ten."""
    result = compare(ranker, model, cases, progress)
    if result.max_difference > TOLERANCE or result.same_top10 < len(cases):
        raise ParityError(
            f"the exported graph differs from the estimator: largest difference of a probability "
            f"{result.max_difference:.2e} (allowed {TOLERANCE:.0e}), same top ten on {result.same_top10} of "
            f"{len(cases)} cases"
        )
    return result


def compare(
    ranker: PhenotypeRanker,
    model: bytes,
    cases: CaseTable,
    progress: Callable[[int], object] = lambda n: None,
) -> Parity:
    """By how much the graph `model` differs from the estimator on some cases."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    started = time.perf_counter()
    prior = ranker.offset_.literature_[None, :]
    difference, same = 0.0, 0
    for begin in range(0, len(cases), _CHUNK):
        chunk = cases.take(range(begin, min(begin + _CHUNK, len(cases))))
        rows = chunk.encode(len(ranker.likelihood_.graph_))
        scores, expected = ranker.decision_function(rows), ranker.predict_proba(rows)
        for i in range(len(chunk)):
            probability, index = session.run(
                ["probability", "top_index"], {"patient": rows[i : i + 1], "log_prior": prior}
            )
            difference = max(difference, float(np.abs(probability - expected[i]).max()))
            same += same_order(scores[i], index[:10])
        progress(len(chunk))
    return Parity(len(cases), difference, same, time.perf_counter() - started)


def same_order(scores: NDArray[np.float64], top: NDArray[np.int64]) -> bool:
    """Whether `top` lists the best scores in order; scores that differ by less than float32's precision are ties."""
    best = np.sort(scores)[::-1][: len(top)]
    return bool(np.allclose(scores[top], best, rtol=0, atol=1e-4)) and len(set(top.tolist())) == len(top)
