"""What speaks for a disease before any finding: its default prior, length of description, the patient's age and sex."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ml.features.encode import N_AGES, N_CONTEXT, SEXES, UNKNOWN_AGE, age_interval
from ml.features.evidence import AnnotationTable, FloatArray
from ml.training.profiles import Profiles

# HPO's classes of onset (subclasses of HP:0003674) -> the interval of `AGE_EDGES` in which they begin, 1-based.
ONSET_INTERVAL = {
    "HP:0030674": 1, "HP:0011460": 1, "HP:0011461": 1, "HP:0034197": 1, "HP:0034198": 1, "HP:0034199": 1,
    "HP:0003577": 1, "HP:0003623": 1, "HP:0003593": 2, "HP:0011463": 3, "HP:0003621": 4, "HP:0003581": 5,
    "HP:0011462": 5, "HP:0025708": 5, "HP:0025709": 5, "HP:0025710": 5, "HP:0003596": 6, "HP:0003584": 7,
}  # fmt: skip


class DiseaseOffset(TransformerMixin, BaseEstimator):
    """Score of each disease that does not depend on findings nor on the prior chosen, [n, diseases].

    length: -length_weight * log(expected findings + length_constant), as a long description matches more by chance;
    age: onset_weight * log(P(onset by this age | disease) / P(onset by this age)), from published onsets (aspect C),
    shrunk towards all diseases by `onset_strength` observations; zero when the age or every onset is unknown.
    sex: -sex_weight for a patient of the other sex, where most of a disease's own rows are of one sex.

    Beside it stands the default prior, `literature_` [diseases]: reference_weight * log(1 + distinct references) +
    publication_weight * log(1 + publications of training cases): what is written up more is met more (docs/adr/0011).

    Attributes after fit: `length_` [diseases], `age_` [N_AGES, diseases], `sex_` [SEXES, diseases], `literature_`.
    """

    def __init__(
        self, *, reference_weight: float = 1.0, publication_weight: float = 1.2, length_weight: float = 0.7,
        length_constant: float = 15.0, onset_weight: float = 0.4, onset_strength: float = 2.0,
        sex_weight: float = 3.0,
    ) -> None:  # fmt: skip
        self.reference_weight = reference_weight
        self.publication_weight = publication_weight
        self.length_weight = length_weight
        self.length_constant = length_constant
        self.onset_weight = onset_weight
        self.onset_strength = onset_strength
        self.sex_weight = sex_weight

    def fit(self, profiles: Profiles, y: None = None, *, table: AnnotationTable) -> "DiseaseOffset":
        """Take the counts of the profiles, and the onsets of the annotation rows."""
        # the mean only centres the offset, so that scores of different releases look alike
        self.mean_length_ = float(np.log(profiles.expected_findings + self.length_constant).mean())
        self.length_ = self.length(profiles)
        self.literature_ = self.literature(profiles)
        onsets = _onset_counts(table)
        self.onset_by_age_ = onsets.sum(axis=0).cumsum() / max(onsets.sum(), 1.0)
        self.age_ = self.age(table)
        self.sex_ = self.sex(table)
        return self

    def length(self, profiles: Profiles) -> FloatArray:
        """What the length of some descriptions adds, [k]."""
        return -self.length_weight * (
            np.log(profiles.expected_findings + self.length_constant) - self.mean_length_
        )

    def literature(self, profiles: Profiles) -> FloatArray:
        """The literature prior of some profiles, [k]."""
        return self.reference_weight * np.log1p(profiles.n_references) + self.publication_weight * np.log1p(
            profiles.n_case_publications
        )

    def transform(self, X: NDArray[np.float32]) -> FloatArray:
        """Rows of `ml.features.encode` -> offsets without a prior; only age and sex are read."""
        check_is_fitted(self)
        sex = X[:, -1].astype(np.int64)
        return self.length_[None, :] + self.age_[age_interval(X[:, -N_CONTEXT])] + self.sex_[sex]

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

    def sex(self, table: AnnotationTable) -> FloatArray:
        """What each sex adds, [SEXES, diseases]."""
        positive = table.own & (table.columns["negated"] == 0)
        numbers = {text: number for number, text in enumerate(table.texts)}
        disease = table.columns["disease"]
        n_rows = np.bincount(disease[positive], minlength=len(table.diseases))
        effect = np.zeros((len(SEXES), len(table.diseases)))
        for one, other in (("female", "male"), ("male", "female")):
            of_sex = positive & (table.columns["sex"] == numbers.get(one, -1))
            n = np.bincount(disease[of_sex], minlength=len(table.diseases))
            effect[SEXES.index(other), 2 * n > n_rows] = -self.sex_weight
        return effect


def _onset_counts(table: AnnotationTable) -> FloatArray:
    """The weight of rows that name an onset, [diseases, N_AGES]; column 0, the unknown age, stays empty."""
    interval = np.array([ONSET_INTERVAL.get(term, 0) for term in table.terms] or [0])
    of_row = interval[table.columns["term"]] * (table.columns["negated"] == 0)
    counts = np.zeros((len(table.diseases), N_AGES))
    np.add.at(counts, (table.columns["disease"], of_row), table.columns["share"])
    counts[:, 0] = 0.0
    return counts
