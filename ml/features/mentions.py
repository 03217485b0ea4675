"""What came up about a patient: findings in one of three states, and which of them were said unasked.

Needs numpy only, because serving uses it too.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.features.cases import CaseTable
from ml.features.encode import N_CONTEXT, UNCERTAIN

PRESENT, ABSENT, UNSURE = range(3)


class Mention(NamedTuple):
    """A finding (index of the graph) that came up, in a state."""

    term: int
    state: int
    said_first: bool


def mentions_of_case(cases: CaseTable, case: int) -> list[Mention]:
    """The mentions of one case, by term."""
    said = set(cases.volunteered[case])
    states = zip((PRESENT, ABSENT, UNSURE), (cases.present, cases.absent, cases.uncertain), strict=True)
    return sorted(Mention(term, state, term in said) for state, terms in states for term in terms[case])


def mentions_of_row(row: NDArray[np.float32]) -> list[Mention]:
    """The mentions of one row of `ml.features.encode`, by term."""
    states = row[:-N_CONTEXT]
    found = []
    for term in np.flatnonzero(states).tolist():
        value = float(states[term])
        state = PRESENT if value > UNCERTAIN else ABSENT if value < -UNCERTAIN else UNSURE
        found.append(Mention(term, state, abs(value) > 1 or abs(value) < UNCERTAIN))
    return found
