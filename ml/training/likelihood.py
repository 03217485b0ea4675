"""What each finding says about each disease."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ml.features.evidence import FloatArray, IntArray
from ml.features.findings import scored_findings
from ml.features.graph import LOCAL_PREFIX, TermGraph

# A ratio is kept as a whole number of sixteenths of its natural logarithm, which fits one byte: code k stands for
# exp((k - 80) / 16), at least .007. Estimator and graph round alike (docs/adr/0010).
CODES_PER_UNIT = 16
CODE_OF_ONE = 80
N_CODES = 256


def ratio_codes(ratio: FloatArray) -> IntArray:
    """The codes of some ratios."""
    with np.errstate(divide="ignore"):
        codes = np.rint(CODES_PER_UNIT * np.log(ratio)) + CODE_OF_ONE
    return np.clip(codes, 0, N_CODES - 1).astype(np.int64)


@dataclass(frozen=True)
class Replacement:
    """Other frequencies [terms, k] for k of the diseases: what a model would hold with some evidence removed.

    `known`: the same before training cases.
    """

    diseases: IntArray
    frequency: sp.csc_matrix
    known: sp.csc_matrix


class FindingLikelihood(TransformerMixin, BaseEstimator):
    """Sum over a patient's findings of a softened log likelihood ratio, [n, diseases].

    A present term t adds log(floor + (1 - floor) * R(t, d)), where
    R(t, d) = max over t and its ancestors a of share ** steps(t, a) * G(a, d) / background(a):
    a disease that is not known for the term itself is judged by the nearest more general term, discounted per step.
    Ratio and share are rounded to sixteenths of their logarithm (`ratio_codes`).
    G is the profile's frequency, `background` the mean over diseases of what it was before training cases, at least
    `min_background`: cases of some diseases change nothing in the evidence for the others. Of a local finding only
    cases tell, so that its background is the mean over the diseases whose cases mention any (docs/adr/0018).
    An absent term adds absent_weight * log((1 - G) / (1 - background)) for diseases with G > absent_threshold.
    Only findings that no other finding implies count (`ml.features.findings`).

    Input: rows of `ml.features.encode`. Attributes after fit: `graph_`, `frequency_` (CSR), `background_`.
    """

    def __init__(
        self, *, share: float = 0.3, floor: float = 0.3, absent_weight: float = 0.3, absent_threshold: float = 0.85,
        min_background: float = 2e-5,
    ) -> None:  # fmt: skip
        self.share = share
        self.floor = floor
        self.absent_weight = absent_weight
        self.absent_threshold = absent_threshold
        self.min_background = min_background

    def fit(
        self, frequency: sp.csc_matrix, y: None = None, *, graph: TermGraph, known: sp.csc_matrix
    ) -> "FindingLikelihood":
        """Take the profiles' frequencies [terms, diseases], and what they were before training cases."""
        self.graph_ = graph
        self.frequency_ = sp.csr_matrix(frequency)
        self.frequency_.sort_indices()
        self.known_ = sp.csc_matrix(known)
        self.known_sum_ = np.asarray(self.known_.sum(axis=1)).ravel()
        self.minimum_ = self._minimum(graph)
        self.background_ = np.maximum(self.known_sum_ / self.known_.shape[1], self.minimum_)
        self.n_features_in_ = len(graph)
        # what a present finding adds, by the code of its ratio; and how many codes a step to a more general term costs
        ratio = np.exp((np.arange(N_CODES) - CODE_OF_ONE) / CODES_PER_UNIT)
        self.contribution_ = np.log(self.floor + (1 - self.floor) * ratio)
        self.step_ = round(-CODES_PER_UNIT * float(np.log(self.share)))
        return self

    def _minimum(self, graph: TermGraph) -> FloatArray:
        minimum = np.full(len(graph), self.min_background)
        local = np.flatnonzero([identity.startswith(LOCAL_PREFIX) for identity in graph.ids])
        told = self.frequency_[local]
        n_diseases = len(np.unique(told.indices))
        minimum[local] = np.maximum(
            np.asarray(told.sum(axis=1)).ravel() / max(n_diseases, 1), self.min_background
        )
        return minimum

    def transform(self, X: NDArray[np.float32]) -> FloatArray:
        """The sum of contributions of each patient's findings, [n, diseases]."""
        check_is_fitted(self)
        scorer = self.scorer()
        states = X[:, : len(self.graph_)]
        return np.stack([scorer.score(np.flatnonzero(s > 0.5), np.flatnonzero(s < -0.5)) for s in states])

    def scorer(self, replacement: Replacement | None = None) -> "Scorer":
        """A scorer over the fitted frequencies, or over some that `replacement` alters."""
        return Scorer(self, replacement)


class Scorer:
    """Contribution vectors [diseases] of single findings, computed once each and kept as long as the scorer."""

    def __init__(self, likelihood: FindingLikelihood, replacement: Replacement | None = None) -> None:
        self._model = likelihood
        self._replaced: IntArray | None = None
        if replacement is not None:
            new = sp.csr_matrix(replacement.frequency)
            old = likelihood.known_[:, replacement.diseases]
            change = np.asarray((replacement.known - old).sum(axis=1)).ravel()
            total = likelihood.known_sum_ + change
            self._background = np.maximum(total / likelihood.known_.shape[1], likelihood.minimum_)
            self._replaced, self._new = replacement.diseases, new
        else:
            self._background = likelihood.background_
        self._codes: dict[int, IntArray] = {}
        self._present: dict[int, FloatArray] = {}
        self._absent: dict[int, FloatArray] = {}

    def frequency(self, term: int) -> FloatArray:
        """G(term, .) as a dense vector."""
        matrix = self._model.frequency_
        row = np.zeros(matrix.shape[1])
        part = slice(matrix.indptr[term], matrix.indptr[term + 1])
        row[matrix.indices[part]] = matrix.data[part]
        if self._replaced is not None:
            row[self._replaced] = self._new[[term]].toarray().ravel()
        return row

    def codes(self, term: int) -> IntArray:
        """The codes of R(term, .); recursion over the parents takes the maximum over all ancestors."""
        known = self._codes.get(term)
        if known is None:
            known = ratio_codes(self.frequency(term) / self._background[term])
            for parent in self._model.graph_.parents[term]:
                np.maximum(known, self.codes(parent) - self._model.step_, out=known)
            self._codes[term] = known
        return known

    def present(self, term: int) -> FloatArray:
        """Contribution of the finding when present."""
        known = self._present.get(term)
        if known is None:
            known = self._present[term] = self._model.contribution_[self.codes(term)]
        return known

    def absent(self, term: int) -> FloatArray:
        """Contribution of the finding when absent."""
        known = self._absent.get(term)
        if known is None:
            frequency = self.frequency(term)
            weight = self._model.absent_weight * (frequency > self._model.absent_threshold)
            known = self._absent[term] = weight * (np.log1p(-frequency) - np.log1p(-self._background[term]))
        return known

    def score(self, present: Iterable[int], absent: Iterable[int]) -> FloatArray:
        """Sum of the contributions of the findings that count."""
        counted_present, counted_absent = scored_findings(
            self._model.graph_, map(int, present), map(int, absent)
        )
        total = np.zeros(self._model.frequency_.shape[1])
        for term in counted_present:
            total += self.present(term)
        for term in counted_absent:
            total += self.absent(term)
        return total
