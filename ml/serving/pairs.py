"""Two diseases at once: pairs that explain a patient's findings better than any single disease."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.features.evidence import FloatArray, IntArray

MOST_PAIRS = 3
# diseases that explain some of the findings well; both of a pair are among them
_POOL = 200
# pairs times findings; beyond it fewer diseases are paired, so that 500 findings are answered in time too
_MOST_WORK = 4_000_000
# a disease that explains one finding only explains it by chance
LEAST_EXPLAINED = 2
# of findings that both explain about equally well, neither is the reason for the pair (natural logarithm units)
_CLEARLY = 0.5


@dataclass(frozen=True, slots=True)
class DiseasePair:
    """Two diseases (ids, the better first) that together explain the findings better, by `gain` in natural logarithm
    units, than the best single disease; and the findings that each explains clearly better than the other."""

    first: str
    second: str
    names: tuple[str, str]
    gain: float
    explained_by_first: tuple[str, ...]
    explained_by_second: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairLimit:
    """The gain that a pair must have by the number of findings that count: `threshold` at `findings`, straight lines
    between. The more findings, the more a second disease explains by chance."""

    findings: tuple[float, ...]
    threshold: tuple[float, ...]

    def gain(self, n: int) -> float:
        """The least gain for `n` findings."""
        return float(np.interp(n, self.findings, self.threshold))


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """Indices of two diseases, the gain of the pair, and which findings [p] each explains clearly better."""

    first: int
    second: int
    gain: float
    of_first: IntArray
    of_second: IntArray


def scored_pairs(contribution: NDArray[np.float32], base: FloatArray) -> list[ScoredPair]:
    """The best pairs, best first; each disease stands in one of them only.

    `contribution` [p, diseases] is what each present finding adds, `base` [diseases] the score without findings. A pair
    has the base of both, and for each finding the larger contribution of the two.
    """
    if len(contribution) < 2 * LEAST_EXPLAINED:
        return []
    score = base + contribution.sum(axis=0, dtype=np.float64)
    reach = np.maximum(contribution, 0).sum(axis=0, dtype=np.float64) + base
    size = min(_POOL, int((_MOST_WORK / len(contribution)) ** 0.5))
    pool = np.argsort(-reach, kind="stable")[:size]
    part = np.ascontiguousarray(contribution[:, pool])
    together = np.zeros((len(pool), len(pool)), np.float32)
    lead = np.zeros((len(pool), len(pool)), np.int16)
    # arrays for every finding anew would cost more than what is done with them
    larger, leads = np.empty_like(together), np.empty(together.shape, bool)
    for row in part:
        np.add(together, np.maximum(row[:, None], row[None, :], out=larger), out=together)
        np.add(lead, np.greater(row[:, None], row[None, :] + _CLEARLY, out=leads), out=lead)
    own = base[pool]
    total = together + own[:, None] + own[None, :]
    total[(lead < LEAST_EXPLAINED) | (lead.T < LEAST_EXPLAINED)] = -np.inf
    gain = total - score.max()
    found: list[ScoredPair] = []
    used: set[int] = set()
    for flat in _largest(gain.ravel(), 40 * MOST_PAIRS):
        i, j = divmod(flat, len(pool))
        if len(found) == MOST_PAIRS:
            break
        if i in used or j in used:
            continue
        used |= {i, j}
        if score[pool[j]] > score[pool[i]]:
            i, j = j, i
        found.append(
            ScoredPair(
                int(pool[i]), int(pool[j]), float(gain[i, j]),
                np.flatnonzero(part[:, i] > part[:, j] + _CLEARLY),
                np.flatnonzero(part[:, j] > part[:, i] + _CLEARLY),
            )
        )  # fmt: skip
    return found


def _largest(values: FloatArray, n: int) -> list[int]:
    """Where the `n` largest finite values are, largest first, the first of equal ones first."""
    found = np.flatnonzero(np.isfinite(values))
    if len(found) > n:
        least = np.partition(values[found], len(found) - n)[len(found) - n]
        found = found[values[found] >= least]
    best = found[np.argsort(-values[found], kind="stable")][:n]
    return [int(i) for i in best]
