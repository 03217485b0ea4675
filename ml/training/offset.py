"""What speaks for a disease before any finding: its prior, its length of description, and the patient's age."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ml.features.encode import N_AGES, N_CONTEXT, UNKNOWN_AGE, age_interval
from ml.features.evidence import AnnotationTable, FloatArray
from ml.training.profiles import Profiles

# HPO's classes of onset (subclasses of HP:0003674) -> the interval of `AGE_EDGES` in which they begin, 1-based.
ONSET_INTERVAL = {
    "HP:0030674": 1, "HP:0011460": 1, "HP:0011461": 1, "HP:0034197": 1, "HP:0034198": 1, "HP:0034199": 1,
    "HP:0003577": 1, "HP:0003623": 1, "HP:0003593": 2, "HP:0011463": 3, "HP:0003621": 4, "HP:0003581": 5,
    "HP:0011462": 5, "HP:0025708": 5, "HP:0025709": 5, "HP:0025710": 5, "HP:0003596": 6, "HP:0003584": 7,
}  # fmt: skip


class DiseaseOffset(TransformerMixin, BaseEstimator):
    """Score of each disease that does not depend on findings, [n, diseases].

    prior: reference_weight * log(1 + distinct references) + publication_weight * log(1 + publications of training
    cases), the "literature" prior: what is written up more is met more (docs/adr/0011);
    length: -length_weight * log(expected findings + length_constant), as a long description matches more by chance;
    age: onset_weight * log(P(onset by this age | disease) / P(onset by this age)), from published onsets (aspect C),
    shrunk towards all diseases by `onset_strength` observations; zero when the age or every onset is unknown.
    The patient's sex has no effect: it did not improve the ranking (docs/benchmarks.md).

    Attributes after fit: `base_` [diseases], `age_` [N_AGES, diseases].
    """

    def __init__(
        self, *, reference_weight: float = 1.0, publication_weight: float = 1.2, length_weight: float = 0.7,
        length_constant: float = 15.0, onset_weight: float = 0.4, onset_strength: float = 2.0,
    ) -> None:  # fmt: skip
        self.reference_weight = reference_weight
        self.publication_weight = publication_weight
        self.length_weight = length_weight
        self.length_constant = length_constant
        self.onset_weight = onset_weight
        self.onset_strength = onset_strength

    def fit(self, profiles: Profiles, y: None = None, *, table: AnnotationTable) -> "DiseaseOffset":
        """Take the counts of the profiles, and the onsets of the annotation rows."""
        # the mean only centres the offset, so that scores of different releases look alike
        self.mean_length_ = float(np.log(profiles.expected_findings + self.length_constant).mean())
        self.base_ = self.base(profiles)
        onsets = _onset_counts(table)
        self.onset_by_age_ = onsets.sum(axis=0).cumsum() / max(onsets.sum(), 1.0)
        self.age_ = self.age(table)
        return self

    def base(self, profiles: Profiles) -> FloatArray:
        """Prior and length of some profiles, [k]."""
        length = np.log(profiles.expected_findings + self.length_constant) - self.mean_length_
        return (
            self.reference_weight * np.log1p(profiles.n_references)
            + self.publication_weight * np.log1p(profiles.n_case_publications)
            - self.length_weight * length
        )

    def transform(self, X: NDArray[np.float32]) -> FloatArray:
        """Rows of `ml.features.encode` -> offsets; only the age column is read."""
        check_is_fitted(self)
        return self.base_[None, :] + self.age_[age_interval(X[:, -N_CONTEXT])]

    @staticmethod
    def interval(age_years: float | None) -> int:
        """The row of `age_` for one patient."""
        return int(age_interval(np.array([UNKNOWN_AGE if age_years is None else age_years], np.float32))[0])

    def age(self, table: AnnotationTable) -> FloatArray:
        """What each age adds, [N_AGES, diseases], by the onsets of `table`."""
        counts = _onset_counts(table)
        overall = self.onset_by_age_
        strength = self.onset_strength
        expected = (counts.cumsum(axis=1) + strength * overall) / (
            counts.sum(axis=1, keepdims=True) + strength
        )
        ratio = np.zeros((N_AGES, len(table.diseases)))
        known = overall > 0
        ratio[known] = np.log(expected[:, known] / overall[known]).T
        return self.onset_weight * ratio


def _onset_counts(table: AnnotationTable) -> FloatArray:
    """Rows that name an onset, [diseases, N_AGES]; column 0, the unknown age, stays empty."""
    interval = np.array([ONSET_INTERVAL.get(term, 0) for term in table.terms] or [0])
    of_row = interval[table.columns["term"]] * (table.columns["negated"] == 0)
    counts = np.zeros((len(table.diseases), N_AGES))
    np.add.at(counts, (table.columns["disease"], of_row), 1.0)
    counts[:, 0] = 0.0
    return counts
