"""The tables of the ONNX graph: the ratios R(t, d) of `FindingLikelihood` as dense rows plus exact sparse corrections.

R(t, d), as a code of one byte, is a maximum over the ancestors of t. Dense, it would take terms x diseases (160 MB).
But only some hundred general terms are known of many diseases; so each term takes the dense row of its nearest general
ancestors, lowered by what the steps to them cost, and lists the few diseases for which a more specific term gives more.
The result is the same function, with no further approximation (docs/adr/0010).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.training.likelihood import N_CODES, FindingLikelihood, ratio_codes
from ml.training.nearest import NearestCase

# diseases, and the code of each
_Codes = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Ragged:
    """Lists of different lengths: list i is `flat[start[i]:start[i] + length[i]]`, for each array of `flats`."""

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    flats: tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class RatioLayout:
    """`dense` [rows, diseases], codes; `row`, `cost` [terms]: the codes of R(t, .) are dense[row[t]] less cost[t], at
    least 0, overwritten by the (disease, code) pairs of `sparse`.
    `absent`: (disease, contribution) pairs of the terms. `ancestors`: proper ancestors of the terms."""

    dense: NDArray[np.uint8]
    row: NDArray[np.int64]
    cost: NDArray[np.uint8]
    sparse: Ragged
    absent: Ragged
    ancestors: Ragged


@dataclass(frozen=True)
class CaseLayout:
    """Case vectors by term: `dense` [frequent terms, cases] for the terms of many cases, `sparse` (case, value) lists
    for the others; `information` [terms]."""

    n_terms: int
    information: NDArray[np.float32]
    frequent: NDArray[np.int64]
    dense: NDArray[np.float32]
    sparse: Ragged


def case_layout(nearest: NearestCase, dense_above: int = 300) -> CaseLayout:
    """Lay out the vectors of the training cases."""
    by_term = nearest.vectors_.tocsc()
    by_term.sort_indices()
    frequent = np.flatnonzero(np.diff(by_term.indptr) > dense_above)
    is_frequent = np.zeros(by_term.shape[1], bool)
    is_frequent[frequent] = True
    rare = []
    for term in range(by_term.shape[1]):
        part = slice(
            by_term.indptr[term], by_term.indptr[term] if is_frequent[term] else by_term.indptr[term + 1]
        )
        rare.append((by_term.indices[part].astype(np.int64), by_term.data[part].astype(np.float32)))
    return CaseLayout(
        by_term.shape[1],
        nearest.information_.astype(np.float32),
        frequent.astype(np.int64),
        by_term[:, frequent].toarray().T.astype(np.float32),
        _ragged(rare),
    )


def ratio_layout(likelihood: FindingLikelihood, dense_above: int = 200) -> RatioLayout:
    """Lay out a fitted likelihood; terms known of more than `dense_above` diseases get a dense row."""
    graph, step = likelihood.graph_, likelihood.step_
    is_dense = np.diff(likelihood.frequency_.indptr) > dense_above
    rows = _DenseRows(likelihood)
    row = np.zeros(len(graph), np.int64)
    cost = np.zeros(len(graph), np.uint8)
    nearest: list[dict[int, int]] = [{} for _ in range(len(graph))]
    kept: list[_Codes] = [_nothing() for _ in range(len(graph))]
    for term in graph.order:
        if is_dense[term]:
            nearest[term] = {term: 0}
        else:
            for parent in graph.parents[term]:
                for general, steps in nearest[parent].items():
                    nearest[term][general] = min(steps + 1, nearest[term].get(general, 1 << 30))
            nearest[term] = _undominated(likelihood, nearest[term])
            kept[term] = _sparse_row(likelihood, term, kept)
        general_terms = sorted(nearest[term].items()) or [(term, 0)]
        least = min(steps for _, steps in general_terms)
        row[term] = rows.number(tuple((general, steps - least) for general, steps in general_terms))
        # no code exceeds the highest, so that what costs more leaves nothing either
        cost[term] = min(step * least, N_CODES - 1)
    dense = np.stack(rows.values)
    pruned = []
    for term, (diseases, codes) in enumerate(kept):
        lowered = dense[row[term], diseases].astype(np.int64) - int(cost[term])
        more = codes > np.maximum(lowered, 0)
        pruned.append((diseases[more], codes[more].astype(np.uint8)))
    return RatioLayout(
        dense,
        row,
        cost,
        _ragged(pruned),
        _ragged(_absent_rows(likelihood)),
        _ancestors(likelihood),
    )


class _DenseRows:
    """Dense rows, each the maximum over some (general term, further steps), stored once."""

    def __init__(self, likelihood: FindingLikelihood) -> None:
        self._step = likelihood.step_
        self._scorer = likelihood.scorer()
        self._numbers: dict[tuple[tuple[int, int], ...], int] = {}
        self.values: list[NDArray[np.uint8]] = []

    def number(self, key: tuple[tuple[int, int], ...]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            codes = [self._scorer.codes(general) - self._step * steps for general, steps in key]
            self.values.append(np.maximum(np.max(codes, axis=0), 0).astype(np.uint8))
        return self._numbers[key]


def _undominated(likelihood: FindingLikelihood, nearest: dict[int, int]) -> dict[int, int]:
    # a general term reached through another one on the list is already part of that one's row
    closure = likelihood.graph_.closure
    return {
        general: steps
        for general, steps in nearest.items()
        if not any(
            other != general and general in closure(other) and via + closure(other)[general] <= steps
            for other, via in nearest.items()
        )
    }


def _nothing() -> _Codes:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


def _sparse_row(likelihood: FindingLikelihood, term: int, kept: list[_Codes]) -> _Codes:
    matrix = likelihood.frequency_
    part = slice(matrix.indptr[term], matrix.indptr[term + 1])
    diseases = [matrix.indices[part].astype(np.int64)]
    codes = [ratio_codes(matrix.data[part] / likelihood.background_[term])]
    for parent in likelihood.graph_.parents[term]:
        diseases.append(kept[parent][0])
        codes.append(kept[parent][1] - likelihood.step_)
    all_diseases, all_codes = np.concatenate(diseases), np.concatenate(codes)
    order = np.lexsort((-all_codes, all_diseases))
    all_diseases, all_codes = all_diseases[order], all_codes[order]
    first = all_codes > 0
    first[1:] &= all_diseases[1:] != all_diseases[:-1]
    return all_diseases[first], all_codes[first]


def _absent_rows(likelihood: FindingLikelihood) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    matrix, background = likelihood.frequency_, likelihood.background_
    found = []
    for term in range(matrix.shape[0]):
        part = slice(matrix.indptr[term], matrix.indptr[term + 1])
        frequency = matrix.data[part]
        counts = frequency > likelihood.absent_threshold
        value = likelihood.absent_weight * (np.log1p(-frequency[counts]) - np.log1p(-background[term]))
        found.append((matrix.indices[part][counts].astype(np.int64), value.astype(np.float32)))
    return found


def _ancestors(likelihood: FindingLikelihood) -> Ragged:
    graph = likelihood.graph_
    rows = [sorted(a for a in graph.closure(term) if a != term) for term in range(len(graph))]
    length = np.array([len(row) for row in rows], np.int64)
    flat = np.fromiter((a for row in rows for a in row), np.int32, int(length.sum()))
    return Ragged(np.cumsum(length) - length, length, (flat,))


def _index_type(rows: list[tuple[NDArray[np.int64], NDArray[Any]]]) -> type[np.signedinteger[Any]]:
    most = max((int(diseases.max()) for diseases, _ in rows if len(diseases)), default=0)
    return np.int16 if most < 1 << 15 else np.int32


def _ragged(rows: list[tuple[NDArray[np.int64], NDArray[Any]]]) -> Ragged:
    length = np.array([len(diseases) for diseases, _ in rows], np.int64)
    diseases = np.concatenate([diseases for diseases, _ in rows]).astype(_index_type(rows))
    return Ragged(
        np.cumsum(length) - length, length, (diseases, np.concatenate([values for _, values in rows]))
    )
