"""How likely each finding is in each disease, as the engine's score implies it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.features.evidence import FloatArray, IntArray
from ml.features.findings import information_of
from ml.features.graph import TermGraph
from ml.serving.vocabulary import PHENOTYPIC_ABNORMALITY

# a probability of 1 would let one answer rule a disease out for good
_MOST_LIKELY = 0.98


class FindingModel:
    """P(finding | disease), and what an answer about it adds to the score (`ml.training.likelihood` has the formulas).

    The score of a present finding t is log(floor + (1 - floor) * R(t, d)); read as a likelihood ratio, it says that
    P(t | d) = background(t) * (floor + (1 - floor) * R(t, d)).
    """

    def __init__(self, graph: TermGraph, profiles: Mapping[str, NDArray[Any]]) -> None:
        self._graph = graph
        self._start = profiles["start"]
        self._term = profiles["term"]
        self._frequency = profiles["frequency"]
        self.background: FloatArray = np.asarray(profiles["background"], float)
        self._share = float(profiles["share"])
        self._floor = float(profiles["floor"])
        self._absent_weight = float(profiles["absent_weight"])
        self._absent_threshold = float(profiles["absent_threshold"])
        self.information: FloatArray = information_of(self.background, graph.index[PHENOTYPIC_ABNORMALITY])

    def frequencies(self, diseases: IntArray) -> NDArray[np.float32]:
        """G [terms, k]: the profile's frequency of each finding in k diseases, 0 where nothing is known."""
        dense = np.zeros((len(self.background), len(diseases)), np.float32)
        for column, disease in enumerate(diseases.tolist()):
            part = slice(self._start[disease], self._start[disease + 1])
            dense[self._term[part], column] = self._frequency[part]
        return dense

    def ratios(self, terms: Sequence[int], frequencies: NDArray[np.float32]) -> NDArray[np.float32]:
        """R [n, k] for n terms, from `frequencies` [terms, k] of k diseases."""
        closures = [self._graph.closure(term) for term in terms]
        flat = np.fromiter((a for closure in closures for a in closure), np.int64)
        steps = np.fromiter((s for closure in closures for s in closure.values()), np.int64)
        scale = (self._share**steps / self.background[flat]).astype(np.float32)
        start = np.cumsum([0, *(len(closure) for closure in closures)])[:-1]
        return np.maximum.reduceat(frequencies[flat] * scale[:, None], start, axis=0)

    def likelihoods(self, terms: Sequence[int], ratios: NDArray[np.float32]) -> NDArray[np.float32]:
        """P(finding | disease) [n, k] that the score implies, from `ratios` [n, k]."""
        softened = self._floor + (1 - self._floor) * ratios
        return np.minimum(self.background[terms][:, None] * softened, _MOST_LIKELY).astype(np.float32)

    def present(self, ratios: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the findings add to the score when present [n, k], from `ratios` [n, k]."""
        return np.log(self._floor + (1 - self._floor) * ratios)

    def absent(self, terms: Sequence[int], frequencies: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the findings add to the score when absent [n, k], from `frequencies` [terms, k]."""
        own = frequencies[list(terms)]
        counts = own > self._absent_threshold
        rest = (
            np.log1p(-np.minimum(own, 1 - 1e-7))
            - np.log1p(-np.minimum(self.background[terms], 1 - 1e-7))[:, None]
        )
        return np.asarray(np.where(counts, self._absent_weight * rest, 0), np.float32)
