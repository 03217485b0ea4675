"""A scikit-learn classifier over rows of features as an ONNX graph, with the proof that both compute the same."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
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
    _renumber(graph.graph, {})
    return bytes(graph.SerializeToString(deterministic=True))


# names that skl2onnx numbers through the whole process: they would tell how many graphs were made before this one
_NUMBERED = re.compile(r"(UU|cdistdf?_)(\d+)")


def _renumber(graph: onnx.GraphProto, numbers: dict[str, str]) -> None:
    def name(old: str) -> str:
        return _NUMBERED.sub(lambda m: m[1] + numbers.setdefault(m[0], str(len(numbers))), old)

    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = name(value.name)
    for node in graph.node:
        node.name = name(node.name)
        node.input[:] = [name(edge) for edge in node.input]
        node.output[:] = [name(edge) for edge in node.output]
        for attribute in node.attribute:
            _renumber(attribute.g, numbers)


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
