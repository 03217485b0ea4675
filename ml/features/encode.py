"""One patient as one row of numbers: the input of every estimator and of the ONNX graph.

Columns 0..T-1 hold the state of each term: 1 present, -1 absent, 0 not asked, 0.5 uncertain (it came up, and nobody
knows); the same times `SAID_FIRST` where it was said unasked: 2, -2, 0.25. So what is above 0.5 is present, what is
below -0.5 absent, and knowledge ignores the rest; that something was mentioned at all is evidence for the classifier of
many cases (docs/adr/0019). Column T holds the age in years (-1 unknown), column T+1 the code of the sex. Needs numpy
only, because serving uses it too.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SEXES = ("unknown", "female", "male", "other")
N_CONTEXT = 2
UNKNOWN_AGE = -1.0
UNCERTAIN = 0.5
# of a present or absent finding that was said unasked; an uncertain one is divided by it, to stay within 0.5
SAID_FIRST = 2.0

# Upper ends, in years, of HPO's onset classes: neonatal, infantile, childhood, juvenile, young adult, middle age.
AGE_EDGES = (28 / 365.25, 1.0, 5.0, 16.0, 40.0, 60.0)
N_AGES = len(AGE_EDGES) + 2  # one for "unknown", one per interval


def encode_patient(
    present: Iterable[int], absent: Iterable[int], age_years: float | None, sex: str | None, n_terms: int,
    uncertain: Iterable[int] = (), volunteered: Iterable[int] = (),
) -> NDArray[np.float32]:  # fmt: skip
    """One row [n_terms + 2] from indices of terms; `volunteered` are some of the findings of any state."""
    row = np.zeros(n_terms + N_CONTEXT, np.float32)
    row[list(uncertain)] = UNCERTAIN
    row[list(absent)] = -1
    row[list(present)] = 1
    for term in volunteered:
        row[term] = row[term] / SAID_FIRST if row[term] == UNCERTAIN else row[term] * SAID_FIRST
    row[n_terms] = UNKNOWN_AGE if age_years is None else age_years
    row[n_terms + 1] = SEXES.index(sex or "unknown")
    return row


def age_interval(age_years: NDArray[np.float32]) -> NDArray[np.int64]:
    """0 where the age is unknown (negative), else 1 + the number of `AGE_EDGES` that it reaches."""
    edges = np.array(AGE_EDGES, np.float32)
    reached = (age_years[:, None] >= edges[None, :]).sum(axis=1)
    return np.where(age_years < 0, 0, reached + 1).astype(np.int64)
