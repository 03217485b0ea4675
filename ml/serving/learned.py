"""What many cases teach, for explanations: which findings a feature of a closed list's score stands for."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# as `ml.features.mentions` numbers them
STATES = ("present", "absent", "uncertain")


class LearnedFeatures:
    """The features of what many cases teach: findings in a state, and pairs of them (`ml.export.learned`)."""

    def __init__(self, profiles: Mapping[str, NDArray[Any]]) -> None:
        self._term, self._state = profiles["learned_term"], profiles["learned_state"]
        self._pair = profiles["learned_pair"]
        self.knowledge_weight = float(profiles["knowledge_weight"])

    def shares(
        self, features: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Iterator[tuple[int, int, float]]:
        """(finding, state, weight) of what the patient has; the weight of a pair in equal halves to its findings."""
        for feature, weight in zip(features.tolist(), weights.tolist(), strict=True):
            n_single = len(self._term)
            singles = [feature] if feature < n_single else self._pair[feature - n_single].tolist()
            for single in singles:
                yield int(self._term[single]), int(self._state[single]), weight / len(singles)
