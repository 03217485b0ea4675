"""What many cases teach: log odds of some diseases, linear in findings and in pairs of findings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.utils.validation import check_is_fitted

from ml.features.cases import CaseTable
from ml.features.evidence import FloatArray, IntArray
from ml.features.mentions import Mention, mentions_of_case, mentions_of_row

Feature = tuple[Mention, ...]


class CaseClassifier(ClassifierMixin, BaseEstimator):
    """z(patient, disease) = intercept + sum of weights of the patient's features, [n, diseases].

    A feature is a mention (a finding in a state: present, absent or uncertain), the same mention said unasked, or a
    pair of mentions that at least `min_pair` training cases share. The weights are those of a multinomial logistic
    regression with an L2 penalty, in which a pair counts `pair_scale` and "said unasked" `said_scale` of a single
    mention (so that they are shrunk more), plus `bayes_weight` times the log probabilities of a multinomial naive Bayes
    over the mentions, also so scaled: the mean of both in the log domain, which keeps z a sum over findings
    (docs/adr/0019).

    Attributes after fit: `features_`, `weight_` [features, diseases], `intercept_` [diseases].
    """

    def __init__(
        self, *, penalty: float = 5.0, pair_scale: float = 0.3, said_scale: float = 0.5, min_pair: int = 8,
        bayes_weight: float = 0.3, bayes_alpha: float = 0.1,
    ) -> None:  # fmt: skip
        self.penalty = penalty
        self.pair_scale = pair_scale
        self.said_scale = said_scale
        self.min_pair = min_pair
        self.bayes_weight = bayes_weight
        self.bayes_alpha = bayes_alpha

    def fit(self, X: CaseTable, y: None = None, *, n_diseases: int) -> "CaseClassifier":
        """Learn from cases of diseases 0..n_diseases-1; a disease without a case gets no weight."""
        mentions = [mentions_of_case(X, case) for case in range(len(X))]
        singles = sorted({single for found in mentions for single in _singles(found)})
        often = Counter(pair for found in mentions for pair in _pairs(found))
        pairs = sorted(pair for pair, n in often.items() if n >= self.min_pair)
        self.features_: list[Feature] = [*singles, *pairs]
        self._number = {feature: i for i, feature in enumerate(self.features_)}
        n_single = len(singles)
        scale = np.full(len(self.features_), self.pair_scale)
        scale[:n_single] = [self.said_scale if single[0].said_first else 1.0 for single in singles]
        matrix = self._matrix(mentions) @ sp.diags(scale)
        # lbfgs from zero with a fixed order of cases: the same weights for the same cases
        logistic = LogisticRegression(C=1 / self.penalty, max_iter=2000, tol=1e-4)
        logistic.fit(matrix, X.disease)
        bayes = MultinomialNB(alpha=self.bayes_alpha).fit(matrix[:, :n_single], X.disease)
        found = logistic.classes_
        weight = logistic.coef_.T
        intercept = logistic.intercept_
        if len(found) == 2:  # one row stands for both
            weight, intercept = np.hstack([-weight, weight]) / 2, np.array([-intercept[0], intercept[0]]) / 2
        weight = weight * scale[:, None]
        weight[:n_single] += self.bayes_weight * bayes.feature_log_prob_.T * scale[:n_single, None]
        self.weight_ = np.zeros((len(self.features_), n_diseases))
        # only differences between diseases matter; centred, a weight says what speaks for or against
        self.weight_[:, found] = weight - weight.mean(axis=1, keepdims=True)
        self.intercept_ = np.zeros(n_diseases)
        self.intercept_[found] = intercept + self.bayes_weight * bayes.class_log_prior_
        self.classes_ = np.arange(n_diseases)
        return self

    def _matrix(self, mentions: Sequence[Sequence[Mention]]) -> sp.csr_matrix:
        rows = [self._active(found) for found in mentions]
        start = np.cumsum([0, *map(len, rows)])
        flat = np.concatenate([np.zeros(0, np.int64), *rows])
        return sp.csr_matrix((np.ones(len(flat)), flat, start), (len(rows), len(self.features_)))

    def _active(self, mentions: Sequence[Mention]) -> IntArray:
        features = (*_singles(mentions), *_pairs(mentions))
        return np.array(sorted({self._number[f] for f in features if f in self._number}), np.int64)

    def decision_function(self, X: NDArray[np.float32]) -> FloatArray:
        """z of rows of `ml.features.encode`."""
        check_is_fitted(self)
        return self._scores([mentions_of_row(row) for row in X])

    def scores_of(self, cases: CaseTable) -> FloatArray:
        """z of some cases."""
        check_is_fitted(self)
        return self._scores([mentions_of_case(cases, case) for case in range(len(cases))])

    def _scores(self, mentions: Sequence[Sequence[Mention]]) -> FloatArray:
        return np.asarray(self._matrix(mentions) @ self.weight_ + self.intercept_)


def _singles(mentions: Sequence[Mention]) -> Iterable[Feature]:
    for mention in mentions:
        yield (mention._replace(said_first=False),)
        if mention.said_first:
            yield (mention,)


def _pairs(mentions: Sequence[Mention]) -> Iterable[Feature]:
    return combinations((mention._replace(said_first=False) for mention in mentions), 2)
