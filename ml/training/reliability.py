"""From scores to probabilities that mean what they say, with one for "none of these"."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from ml.features.evidence import FloatArray, IntArray
from ml.training.profiles import Profiles

# what is known of a disease: a few publications, many, or confirmed cases
EVIDENCE = ("few", "many", "cases")
MANY_REFERENCES = 3


def evidence_of(profiles: Profiles) -> IntArray:
    """Index of `EVIDENCE` for each disease."""
    many = np.where(profiles.n_references >= MANY_REFERENCES, 1, 0)
    return np.asarray(np.where(profiles.n_case_publications > 0, 2, many), np.int64)


@dataclass(frozen=True)
class Observed:
    """What can be seen of a patient's list without knowing the diagnosis.

    `n` findings that count, their `information` (natural logarithm units) and the part that the disease which explains
    most of it does `explain`; `evidence` for the first disease of the list (index of `EVIDENCE`).
    """

    n: int
    information: float
    explained: float
    evidence: int

    @property
    def features(self) -> tuple[float, float, float, float]:
        """Of the chance that the disease is not described: constant, unexplained share, numbers."""
        unexplained = max(self.information - self.explained, 0.0) / (self.information + 1.0)
        return 1.0, unexplained, float(np.log(max(self.n, 1))), float(np.log1p(self.information))


@dataclass(frozen=True)
class Reliability:
    """P(disease) = (1 - P(none of these)) * softmax(score / temperature).

    The temperature is scale * n ** power * exp(shift of the first disease's evidence): findings of one patient repeat
    each other, so a sum over many overstates what is known, and scores of diseases with cases spread otherwise.
    P(none of these) is logistic in `Observed.features`, shifted by `none_evidence` of the first disease; `none` None
    leaves it out, for a closed list.
    """

    scale: float = 1.0
    power: float = 0.0
    evidence: tuple[float, float, float] = (0.0, 0.0, 0.0)
    none: tuple[float, float, float, float] | None = None
    none_evidence: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def temperature(self, seen: Observed) -> float:
        """What scores are divided by."""
        return float(self.scale * max(seen.n, 1) ** self.power * np.exp(self.evidence[seen.evidence]))

    def none_of_these(self, seen: Observed) -> float:
        """P(the diagnosis is none of the candidates)."""
        if self.none is None:
            return 0.0
        return float(expit(np.dot(self.none, seen.features) + self.none_evidence[seen.evidence]))

    def probabilities(self, scores: FloatArray, seen: Observed) -> FloatArray:
        """Probabilities [diseases]; with that of none of these they add up to 1."""
        return np.asarray((1 - self.none_of_these(seen)) * softmax(scores / self.temperature(seen)))
