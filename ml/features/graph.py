"""The HPO graph as arrays. Needs numpy only, because serving uses it too."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

# ids of findings that HPO lacks begin so (`ml.data.records.local_id`)
LOCAL_PREFIX = "LOCAL:"


class TermGraph:
    """A directed acyclic graph of terms, indexed 0..n-1 in order of id.

    `parents` maps each id to its parents; parents outside the keys are ignored, so that a part of the ontology
    (phenotypic abnormalities) makes a graph of its own.
    """

    def __init__(self, parents: Mapping[str, Sequence[str]]) -> None:
        self.ids: tuple[str, ...] = tuple(sorted(parents))
        self.index: dict[str, int] = {identity: i for i, identity in enumerate(self.ids)}
        self.parents: tuple[tuple[int, ...], ...] = tuple(
            tuple(sorted(self.index[p] for p in parents[identity] if p in self.index))
            for identity in self.ids
        )

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Every term after all of its parents. Raises ValueError on a cycle."""
        children: list[list[int]] = [[] for _ in self.ids]
        waiting = [len(p) for p in self.parents]
        for child, parents in enumerate(self.parents):
            for parent in parents:
                children[parent].append(child)
        ready = [i for i, n in enumerate(waiting) if n == 0]
        order: list[int] = []
        while ready:
            term = ready.pop()
            order.append(term)
            for child in children[term]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready.append(child)
        if len(order) != len(self.ids):
            raise ValueError("the ontology has a cycle of is_a relations")
        return tuple(order)

    @cached_property
    def _closures(self) -> tuple[dict[int, int], ...]:
        closures: list[dict[int, int]] = [{} for _ in self.ids]
        for term in self.order:
            steps = {term: 0}
            for parent in self.parents[term]:
                for ancestor, n in closures[parent].items():
                    if n + 1 < steps.get(ancestor, 1 << 30):
                        steps[ancestor] = n + 1
            closures[term] = steps
        return tuple(closures)

    def closure(self, term: int) -> Mapping[int, int]:
        """The term and all its ancestors, each with the least number of is_a steps to it."""
        return self._closures[term]

    @cached_property
    def ancestors(self) -> tuple[IntArray, IntArray]:
        """All closures as (start, flat): the closure of term t is `flat[start[t]:start[t + 1]]`, ascending."""
        rows = [sorted(closure) for closure in self._closures]
        start = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=start[1:])
        return start, np.fromiter((a for row in rows for a in row), np.int64, int(start[-1]))
