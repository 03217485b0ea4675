"""How much a patient resembles the most similar confirmed case of each disease."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ml.features.cases import CaseTable
from ml.features.evidence import BoolArray, FloatArray
from ml.features.graph import TermGraph


class NearestCase(TransformerMixin, BaseEstimator):
    """weight * max(0, c - threshold), c the largest cosine of the patient and a case of the disease; [n, diseases].

    Resemblance below the threshold is what patients of any two diseases share, and must not lift diseases that have
    cases over those that have none.

    Patient and case are vectors over the present findings and all more general terms, each weighted by its information
    content, -log(background). Attributes after fit: `vectors_` [cases, terms], of length 1, and `information_`.
    """

    def __init__(self, *, weight: float = 4.0, threshold: float = 0.0) -> None:
        self.weight = weight
        self.threshold = threshold

    def fit(
        self, cases: CaseTable, y: None = None, *, graph: TermGraph, background: FloatArray, n_diseases: int
    ) -> "NearestCase":
        """Keep the vectors of the cases."""
        self.graph_, self.n_diseases_ = graph, n_diseases
        self.disease_ = cases.disease
        self.information_ = np.maximum(-np.log(background), 0.0)
        self.vectors_ = sp.vstack(
            [self._vector(present) for present in cases.present] or [self._vector(())], format="csr"
        )
        return self

    def _vector(self, present: tuple[int, ...]) -> sp.csr_matrix:
        terms = np.array(sorted({a for t in present for a in self.graph_.closure(t)}), np.int64)
        values = self.information_[terms]
        norm = np.sqrt((values**2).sum())
        values = values / norm if norm > 0 else values
        return sp.csr_matrix((values, (np.zeros(len(terms), np.int64), terms)), (1, len(self.graph_)))

    def score(self, present: tuple[int, ...], usable: BoolArray | None = None) -> FloatArray:
        """[diseases] for one patient; `usable` can leave cases out."""
        similarity = (self.vectors_ @ self._vector(present).T).toarray().ravel()
        if usable is not None:
            similarity = np.where(usable, similarity, 0.0)
        best = np.zeros(self.n_diseases_)
        np.maximum.at(best, self.disease_, similarity)
        return self.weight * np.maximum(best - self.threshold, 0.0)

    def transform(self, X: NDArray[np.float32]) -> FloatArray:
        """Rows of `ml.features.encode` -> scores."""
        check_is_fitted(self)
        states = X[:, : len(self.graph_)]
        return np.stack([self.score(tuple(np.flatnonzero(s > 0.5).tolist())) for s in states])
