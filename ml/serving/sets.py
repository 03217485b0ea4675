"""Sets of diseases that hold the right one as often as they say (conformal prediction)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.features.evidence import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class SetLimits:
    """Least probabilities of a set's members, learned apart for each observable stratum (Mondrian).

    A stratum is the evidence for the first disease of the list (`ml.training.reliability.EVIDENCE`) and the probability
    of that disease, in the intervals that `edges` part. `least[coverage][evidence][interval]` is a probability given
    that the disease is one of the candidates.
    """

    edges: tuple[float, ...]
    least: Mapping[str, Sequence[Sequence[float]]]

    @property
    def coverages(self) -> tuple[float, ...]:
        """The shares of patients whose disease the sets hold, ascending."""
        return tuple(sorted(map(float, self.least)))

    def interval(self, first: float) -> int:
        """The interval of the first disease's probability."""
        return int(np.digitize(first, self.edges))

    def members(self, conditional: FloatArray, evidence: int, coverage: float) -> BoolArray:
        """Which diseases are in the set; the first always is."""
        first = int(conditional.argmax())
        chosen = (
            conditional >= self.least[f"{coverage:g}"][evidence][self.interval(float(conditional[first]))]
        )
        chosen[first] = True
        return np.asarray(chosen)
