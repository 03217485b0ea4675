"""The tables of the ONNX graph, and of explanations, for what many cases teach (`ml.training.stacking`)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.features.encode import SAID_FIRST, UNCERTAIN
from ml.features.mentions import ABSENT, PRESENT, Mention
from ml.training.stacking import LearnedScore

_HALF_SAID = UNCERTAIN / SAID_FIRST


@dataclass(frozen=True)
class LearnedLayout:
    """Features are numbered singles first, then pairs.

    Single i is there when `above[i]` < state of finding `term[i]` < `below[i]`; pair j when both singles `pair[j]` are.
    `weight` [features, diseases], `intercept` [diseases] and `knowledge_weight` make the score:
    intercept + sum of the weights of what is there + knowledge_weight * the score of knowledge and counts.
    """

    term: NDArray[np.int64]
    state: NDArray[np.int64]
    above: NDArray[np.float32]
    below: NDArray[np.float32]
    pair: NDArray[np.int64]
    weight: NDArray[np.float64]
    intercept: NDArray[np.float64]
    knowledge_weight: NDArray[np.float64]


def learned_layout(learned: LearnedScore) -> LearnedLayout:
    """Lay out a fitted score."""
    classifier = learned.classifier_
    singles = [feature[0] for feature in classifier.features_ if len(feature) == 1]
    number = {single: i for i, single in enumerate(singles)}
    pairs = [[number[one], number[other]] for one, other in (f for f in classifier.features_ if len(f) == 2)]
    bounds = np.array([_bounds(single) for single in singles], np.float32).reshape(-1, 2)
    weight, knowledge_weight = learned.weights_
    return LearnedLayout(
        np.array([single.term for single in singles], np.int64),
        np.array([single.state for single in singles], np.int64),
        bounds[:, 0],
        bounds[:, 1],
        np.array(pairs, np.int64).reshape(-1, 2),
        weight * classifier.weight_,
        weight * classifier.intercept_ - learned.log_mix_,
        np.array(knowledge_weight),
    )


def _bounds(single: Mention) -> tuple[float, float]:
    """Open interval of the states of `ml.features.encode` in which the mention is there."""
    if single.state == PRESENT:
        return ((1 + SAID_FIRST) / 2 if single.said_first else (1 + UNCERTAIN) / 2), np.inf
    if single.state == ABSENT:
        return -np.inf, -((1 + SAID_FIRST) / 2 if single.said_first else (1 + UNCERTAIN) / 2)
    return _HALF_SAID / 2, ((_HALF_SAID + UNCERTAIN) / 2 if single.said_first else (1 + UNCERTAIN) / 2)
