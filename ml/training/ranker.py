"""The whole score as one classifier over diseases."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from ml.features.cases import CaseTable
from ml.features.evidence import FloatArray, IntArray
from ml.features.findings import information_of, scored_findings
from ml.serving.vocabulary import PHENOTYPIC_ABNORMALITY
from ml.training.likelihood import FindingLikelihood, Scorer
from ml.training.nearest import NearestCase
from ml.training.offset import DiseaseOffset
from ml.training.profiles import Evidence, ProfileEstimator
from ml.training.reliability import Observed, Reliability, evidence_of
from ml.training.stacking import LearnedScore

UNCALIBRATED = Reliability()


class PhenotypeRanker(ClassifierMixin, BaseEstimator):
    """score = findings + offset + prior, + nearest case where there are training cases.

    `reliability` makes probabilities of scores, with one for "none of these"; it changes no order within a patient's
    list.

    With `learned`, for candidates that all have cases (a closed list), findings + offset + nearest case is the s of
    `LearnedScore`, whose joined score takes its place; the default prior is then the mix of the cases, and the
    probabilities are softmax(score), since held-out cases have calibrated the score.

    Fitted on `Evidence`; predicts from rows of `ml.features.encode`. `classes_` are disease ids, in order.
    """

    def __init__(
        self, *, profiles: ProfileEstimator, likelihood: FindingLikelihood, offset: DiseaseOffset,
        nearest: NearestCase, reliability: Reliability = UNCALIBRATED, learned: LearnedScore | None = None,
    ) -> None:  # fmt: skip
        self.profiles = profiles
        self.likelihood = likelihood
        self.offset = offset
        self.nearest = nearest
        self.reliability = reliability
        self.learned = learned

    def fit(self, X: Evidence, y: None = None) -> "PhenotypeRanker":
        """Fit profiles, likelihood and offset on knowledge and, where given, on confirmed cases."""
        self.evidence_ = X
        self.profiles_ = clone(self.profiles).fit(X)
        profiles = self.profiles_.profiles_
        self.likelihood_ = clone(self.likelihood).fit(profiles.frequency, graph=X.graph, known=profiles.known)
        self.offset_ = clone(self.offset).fit(profiles, table=X.table)
        self.nearest_ = None
        self.reliability_ = self.reliability
        self.evidence_class_ = evidence_of(profiles)
        self.information_ = information_of(
            self.likelihood_.background_, X.graph.index[PHENOTYPIC_ABNORMALITY]
        )
        if X.cases is not None:
            self.nearest_ = clone(self.nearest).fit(
                X.cases,
                graph=X.graph,
                background=self.likelihood_.background_,
                n_diseases=len(X.table.diseases),
            )
        self.classes_ = np.array(X.table.diseases)
        self.learned_ = None
        if self.learned is not None and X.cases is not None:
            self.learned_ = clone(self.learned).fit(
                X.cases, n_diseases=len(self.classes_), score_of=self._score_of
            )
            self.offset_.literature_ = self.learned_.log_mix_
            self.reliability_ = UNCALIBRATED
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
        """Probabilities [n, diseases]; what every row lacks to 1 is the probability of none of these."""
        graph, scorer = self.likelihood_.graph_, self.likelihood_.scorer()
        found = []
        for row, scores in zip(X, self.decision_function(X, log_prior), strict=True):
            present = np.flatnonzero(row[: len(graph)] > 0.5).tolist()
            seen = self.observed(scored_findings(graph, present, ())[0], scorer, scores)
            found.append(self.reliability_.probabilities(scores, seen))
        return np.stack(found)

    def observed(
        self, counted: Sequence[int], scorer: Scorer, scores: FloatArray, evidence: IntArray | None = None
    ) -> Observed:
        """What can be seen of one patient's list; `evidence` stands in for the classes of the diseases."""
        explained = float(np.sum([scorer.present(t) for t in counted], axis=0).max()) if counted else 0.0
        classes = self.evidence_class_ if evidence is None else evidence
        information = float(self.information_[list(counted)].sum())
        return Observed(len(counted), information, explained, int(classes[scores.argmax()]))

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.str_]:
        """The most probable disease of each patient."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]
