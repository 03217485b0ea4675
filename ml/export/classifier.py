"""A scikit-learn classifier over rows of features as an ONNX graph, with the proof that both compute the same."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

# single precision over hundreds of columns; the engine's own graph, which sums a few findings, is held to 1e-5
TOLERANCE = 1e-4


def classifier_onnx(model: Any, n_features: int) -> bytes:
    """The graph "features" [n, features] -> "label", "probabilities"; the same bytes for the same model."""
    graph = convert_sklearn(
        model,
        name="hoofbeat",
        initial_types=[("features", FloatTensorType([None, n_features]))],
        options={id(model): {"zipmap": False}},
    )
    return bytes(graph.SerializeToString(deterministic=True))


class ClassifierSession:
    """A graph of `classifier_onnx`, ready to run on one thread."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, classes]."""
        return np.asarray(self._session.run(["probabilities"], {"features": rows})[0])


@dataclass(frozen=True)
class ClassifierParity:
    """`max_difference` of any probability over `n_cases`, and for how many the first disease is the same."""

    n_cases: int
    max_difference: float
    same_first: int

    @property
    def same(self) -> bool:
        """Whether graph and estimator compute the same."""
        return self.max_difference <= TOLERANCE and self.same_first == self.n_cases


def classifier_parity(model: Any, graph: bytes, rows: NDArray[np.float32]) -> ClassifierParity:
    """Compare on some rows. Of equally probable diseases either may be first."""
    expected = model.predict_proba(rows)
    found = ClassifierSession(graph).probabilities(rows)
    first = expected[np.arange(len(rows)), found.argmax(axis=1)]
    same = expected.max(axis=1) - first <= TOLERANCE
    return ClassifierParity(len(rows), float(np.abs(expected - found).max()), int(same.sum()))
