"""Joins what many cases teach with the knowledge's score, with weights that held-out cases decide."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils.validation import check_is_fitted

from ml.evaluation.calibration import expected_calibration_error
from ml.features.cases import CaseTable
from ml.features.evidence import FloatArray, IntArray
from ml.training.classifier import CaseClassifier

# scores [n, diseases], without a prior, of the second cases by a ranker that was fitted on the first
ScoreOf = Callable[[CaseTable, CaseTable], FloatArray]


class LearnedScore(BaseEstimator):
    """score = a * z + b * s: z of a `CaseClassifier`, s the score of knowledge and counts without its prior.

    a and b (at least 0) make the diagnoses of held-out cases most probable: inner folds, stratified by disease, keep
    the cases of one publication or group together. Two parameters on all held-out cases are also what calibrates the
    probabilities, softmax(score). Attributes after fit: `weights_` (a, b); `classifier_`, fitted on all cases;
    `n_cases_` and `log_mix_` [diseases], the number and the log share of each disease's cases, the prior that the score
    rests on; `ece_` of the held-out cases.
    """

    def __init__(
        self, *, classifier: CaseClassifier | None = None, n_folds: int = 5, with_knowledge: bool = True,
        seed: int = 20261123,
    ) -> None:  # fmt: skip
        self.classifier = classifier
        self.n_folds = n_folds
        self.with_knowledge = with_knowledge
        self.seed = seed

    def fit(self, X: CaseTable, y: None = None, *, n_diseases: int, score_of: ScoreOf) -> "LearnedScore":
        """Learn from cases of diseases 0..n_diseases-1, each of which should have `n_folds` cases or more."""
        classifier = CaseClassifier() if self.classifier is None else self.classifier
        z, s = np.zeros((len(X), n_diseases)), np.zeros((len(X), n_diseases))
        folds = StratifiedGroupKFold(self.n_folds, shuffle=True, random_state=self.seed)
        for train, held in folds.split(X.disease, X.disease, _groups(X)):
            seen, unseen = X.take(train.tolist()), X.take(held.tolist())
            z[held] = clone(classifier).fit(seen, n_diseases=n_diseases).scores_of(unseen)
            if self.with_knowledge:
                s[held] = score_of(seen, unseen)
        self.weights_ = _most_probable(z, s, X.disease, self.with_knowledge)
        probability = np.exp(log_softmax(self.weights_[0] * z + self.weights_[1] * s, axis=1))
        self.ece_ = expected_calibration_error(
            probability.max(axis=1), probability.argmax(axis=1) == X.disease
        )
        self.classifier_ = clone(classifier).fit(X, n_diseases=n_diseases)
        self.n_cases_ = np.bincount(X.disease, minlength=n_diseases)
        self.log_mix_ = np.log(self.n_cases_ / len(X))
        return self

    def combine(self, z: FloatArray, s: FloatArray) -> FloatArray:
        """The joined score without any prior, [n, diseases]."""
        check_is_fitted(self)
        return self.weights_[0] * z + self.weights_[1] * s - self.log_mix_


def _most_probable(z: FloatArray, s: FloatArray, disease: IntArray, with_knowledge: bool) -> FloatArray:
    rows = np.arange(len(disease))

    def surprise(weights: FloatArray) -> float:
        return -float(log_softmax(weights[0] * z + weights[1] * s, axis=1)[rows, disease].mean())

    start = np.array([0.7, 0.05 if with_knowledge else 0.0])
    most = None if with_knowledge else 0.0
    found = minimize(surprise, start, method="L-BFGS-B", bounds=[(0.0, None), (0.0, most)])
    return np.round(found.x, 4)


def _groups(cases: CaseTable) -> IntArray:
    """A number for each publication or group; every case without one is a group of its own."""
    names = [min(publications, default=f"case {i}") for i, publications in enumerate(cases.publications)]
    return np.unique(np.array(names), return_inverse=True)[1]
