"""Which of a patient's findings count: the most specific present ones, the most general absent ones."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ml.features.graph import TermGraph


def information_of(background: NDArray[np.float64], root: int) -> NDArray[np.float64]:
    """What each finding tells (natural logarithm units) by its mean frequency; the root, which all have, tells 0."""
    return np.maximum(np.log(background[root]) - np.log(background), 0.0)


def scored_findings(
    graph: TermGraph, present: Iterable[int], absent: Iterable[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(present, absent) without what the others imply, ascending.

    A present finding implies every more general one; an absent finding excludes every more specific one. An absent
    finding that a present one implies (a contradiction) does not count.
    """
    present, absent = set(present), set(absent)
    implied = {a for t in present for a in graph.closure(t) if a != t}
    counted_present = sorted(present - implied)
    counted_absent = sorted(
        t
        for t in absent
        if t not in implied and t not in present and not any(a != t and a in absent for a in graph.closure(t))
    )
    return tuple(counted_present), tuple(counted_absent)
