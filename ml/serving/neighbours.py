"""The confirmed cases that a patient resembles most."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.features.cases import CaseTable
from ml.features.graph import TermGraph

MOST_CASES = 3
# two patients who share little more than organ systems do not resemble each other
_LEAST_SIMILARITY = 0.1


@dataclass(frozen=True, slots=True)
class SimilarCase:
    """A published case with the same diagnosis: the cosine of the information that findings share (0 to 1), and the
    most specific findings that both have (the term itself, or the nearest more general one)."""

    publications: tuple[str, ...]
    similarity: float
    shared: tuple[str, ...]


def similar_cases(
    graph: TermGraph, cases: CaseTable, members: tuple[int, ...], present: list[int],
    similarity: NDArray[np.float32],
) -> tuple[SimilarCase, ...]:  # fmt: skip
    """The most similar of `members`, one per set of publications; `similarity` is over all cases."""
    mine = {a for t in present for a in graph.closure(t)}
    found: dict[tuple[str, ...], SimilarCase] = {}
    for case in sorted(members, key=lambda case: (-similarity[case], case)):
        if similarity[case] < _LEAST_SIMILARITY or len(found) == MOST_CASES:
            break
        if cases.publications[case] not in found:
            shared = mine & {a for t in cases.present[case] for a in graph.closure(t)}
            implied = {a for t in shared for a in graph.closure(t) if a != t}
            found[cases.publications[case]] = SimilarCase(
                cases.publications[case],
                min(1.0, float(similarity[case])),
                tuple(graph.ids[t] for t in sorted(shared - implied)),
            )
    return tuple(found.values())
