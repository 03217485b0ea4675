"""The whole score as one classifier over diseases."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from ml.features.cases import CaseTable
from ml.features.evidence import FloatArray
from ml.features.findings import scored_findings
from ml.training.likelihood import FindingLikelihood
from ml.training.nearest import NearestCase
from ml.training.offset import DiseaseOffset
from ml.training.profiles import Evidence, ProfileEstimator
from ml.training.stacking import LearnedScore


class PhenotypeRanker(ClassifierMixin, BaseEstimator):
    """softmax(score / temperature), score = findings + offset + prior, + nearest case where there are training cases.

    The temperature is scale * (present findings that count) ** power: findings of one patient repeat each other, so a
    sum over many overstates what is known. `temperature` is (scale, power); scores with cases spread otherwise and
    have their own. It changes no order within a patient's list.

    With `learned`, for candidates that all have cases (a closed list), findings + offset + nearest case is the s of
    `LearnedScore`, whose joined score takes its place; the default prior is then the mix of the cases, and the
    temperature 1, since held-out cases have calibrated the score.

    Fitted on `Evidence`; predicts from rows of `ml.features.encode`. `classes_` are disease ids, in order.
    """

    def __init__(
        self, *, profiles: ProfileEstimator, likelihood: FindingLikelihood, offset: DiseaseOffset,
        nearest: NearestCase, temperature: tuple[float, float] = (1.0, 0.0),
        temperature_with_cases: tuple[float, float] = (1.0, 0.0), learned: LearnedScore | None = None,
    ) -> None:  # fmt: skip
        self.profiles = profiles
        self.likelihood = likelihood
        self.offset = offset
        self.nearest = nearest
        self.temperature = temperature
        self.temperature_with_cases = temperature_with_cases
        self.learned = learned

    def fit(self, X: Evidence, y: None = None) -> "PhenotypeRanker":
        """Fit profiles, likelihood and offset on knowledge and, where given, on confirmed cases."""
        self.evidence_ = X
        self.profiles_ = clone(self.profiles).fit(X)
        profiles = self.profiles_.profiles_
        self.likelihood_ = clone(self.likelihood).fit(profiles.frequency, graph=X.graph, known=profiles.known)
        self.offset_ = clone(self.offset).fit(profiles, table=X.table)
        self.nearest_ = None
        self.temperature_ = self.temperature
        if X.cases is not None:
            self.nearest_ = clone(self.nearest).fit(
                X.cases,
                graph=X.graph,
                background=self.likelihood_.background_,
                n_diseases=len(X.table.diseases),
            )
            self.temperature_ = self.temperature_with_cases
        self.classes_ = np.array(X.table.diseases)
        self.learned_ = None
        if self.learned is not None and X.cases is not None:
            self.learned_ = clone(self.learned).fit(
                X.cases, n_diseases=len(self.classes_), score_of=self._score_of
            )
            self.offset_.literature_ = self.learned_.log_mix_
            self.temperature_ = (1.0, 0.0)
        return self

    def _score_of(self, seen: CaseTable, unseen: CaseTable) -> FloatArray:
        evidence = Evidence(self.evidence_.graph, self.evidence_.table, seen)
        ranker = clone(self).set_params(learned=None).fit(evidence)
        return ranker._without_prior(unseen.encode(len(evidence.graph)))

    def _without_prior(self, X: NDArray[np.float32]) -> FloatArray:
        score = self.likelihood_.transform(X) + self.offset_.transform(X)
        return score if self.nearest_ is None else score + self.nearest_.transform(X)

    def decision_function(self, X: NDArray[np.float32], log_prior: FloatArray | None = None) -> FloatArray:
        """Scores [n, diseases]; `log_prior` [diseases] stands in for the literature prior."""
        check_is_fitted(self)
        prior = self.offset_.literature_ if log_prior is None else log_prior
        score = self._without_prior(X)
        if self.learned_ is not None:
            score = self.learned_.combine(self.learned_.classifier_.decision_function(X), score)
        return score + prior

    def predict_proba(self, X: NDArray[np.float32], log_prior: FloatArray | None = None) -> FloatArray:
        """Probabilities [n, diseases]; every row adds up to 1."""
        graph = self.likelihood_.graph_
        n_findings = [
            len(scored_findings(graph, np.flatnonzero(row[: len(graph)] > 0.5).tolist(), ())[0]) for row in X
        ]
        return softmax(
            self.decision_function(X, log_prior) / self.temperature_of(np.array(n_findings))[:, None], axis=1
        )

    def temperature_of(self, n_findings: NDArray[np.int64]) -> FloatArray:
        """The temperature for numbers of present findings that count."""
        scale, power = self.temperature_
        return scale * np.maximum(n_findings, 1).astype(float) ** power

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.str_]:
        """The most probable disease of each patient."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]
