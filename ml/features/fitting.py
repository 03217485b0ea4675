"""Fits what the features learn: the information of findings by knowledge; columns and components by training cases."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_selection import chi2

from ml.features.cases import CaseTable
from ml.features.definitions import (
    ABSENT,
    PRESENT,
    UNCERTAIN,
    VOLUNTEERED,
    Column,
    FindingColumns,
    Findings,
    Fitted,
)
from ml.features.evidence import AnnotationTable
from ml.features.graph import LOCAL_PREFIX, TermGraph
from ml.knowledge.model import PHENOTYPIC_ABNORMALITY

# so that versions do not follow the last bit of somebody's linear algebra
_DECIMALS = 6


def information_content(table: AnnotationTable, graph: TermGraph) -> dict[str, float]:
    """-log of the share of diseases known to have a finding, or a more specific one, by id of the graph (Resnik 1995).

    What no disease is known to have tells as much as what one of them has.
    """
    to_graph = np.array([graph.index.get(term, -1) for term in table.terms] or [-1], np.int64)
    term = to_graph[table.columns["term"]]
    known = (term >= 0) & (table.columns["negated"] == 0) & table.own
    shape = (len(table.diseases), len(graph))
    said = sp.csr_matrix((np.ones(known.sum()), (table.columns["disease"][known], term[known])), shape)
    start, flat = graph.ancestors
    above = sp.csr_matrix((np.ones(len(flat)), flat, start), (len(graph), len(graph)))
    n = np.asarray(((said @ above) > 0).sum(axis=0)).ravel()
    content = np.log(max(int(n.max(initial=1)), 1)) - np.log(np.maximum(n, 1))
    return dict(zip(graph.ids, np.round(content, _DECIMALS).tolist(), strict=True))


def fit_features(
    graph: TermGraph, information: dict[str, float], cases: CaseTable, *, min_cases: int = 4,
    most_columns: int = 500, n_components: int = 16, seed: int = 0,
) -> Fitted:  # fmt: skip
    """Select finding columns and fit components on training cases.

    A column is kept if `min_cases` cases have it and not all, if no other column is 1 for the same cases (the most
    informative one stays), and if it is among the `most_columns` that tell the diagnoses apart best (chi-squared).
    """
    candidates = _candidates(graph, cases)
    columns = FindingColumns(graph, candidates)
    active = [columns.active(Findings.of_case(cases, case)) for case in range(len(cases))]
    start = np.cumsum([0, *map(len, active)])
    flat = np.concatenate([np.zeros(0, np.int64), *active])
    matrix = sp.csr_matrix((np.ones(len(flat)), flat, start), (len(cases), len(candidates)))
    selected = _selected(matrix, candidates, cases.disease, information, min_cases, most_columns)
    chosen = matrix[:, selected]
    n_components = min(n_components, min(chosen.shape) - 1)
    components = np.zeros((0, len(selected)))
    if n_components > 0:
        decomposition = TruncatedSVD(n_components, random_state=seed).fit(chosen)
        components = np.round(decomposition.components_, _DECIMALS)
    top = graph.index[PHENOTYPIC_ABNORMALITY]
    systems = tuple(
        term
        for term, parents in zip(graph.ids, graph.parents, strict=True)
        if top in parents and not term.startswith(LOCAL_PREFIX)
    )
    return Fitted(tuple(candidates[k] for k in selected), information, systems, components)


def _candidates(graph: TermGraph, cases: CaseTable) -> list[Column]:
    said = {
        PRESENT: {general for terms in cases.present for term in terms for general in graph.closure(term)},
        ABSENT: {term for terms in cases.absent for term in terms},
        UNCERTAIN: {
            general for terms in cases.uncertain for term in terms for general in graph.closure(term)
        },
        VOLUNTEERED: {term for terms in cases.volunteered for term in terms},
    }
    return [Column(state, graph.ids[term]) for state, terms in said.items() for term in sorted(terms)]


def _selected(
    matrix: sp.csr_matrix, candidates: Sequence[Column], disease: NDArray[np.int64],
    information: dict[str, float], min_cases: int, most: int,
) -> list[int]:  # fmt: skip
    by_column = matrix.tocsc()
    by_column.sort_indices()
    kept: dict[bytes, int] = {}
    for k, column in enumerate(candidates):
        members = by_column.indices[by_column.indptr[k] : by_column.indptr[k + 1]]
        if not min_cases <= len(members) < matrix.shape[0]:
            continue
        same = kept.get(members.tobytes())
        if same is None or information[column.term] > information[candidates[same].term]:
            kept[members.tobytes()] = k
    usable = sorted(kept.values())
    if len(usable) > most:
        tells = np.nan_to_num(chi2(matrix[:, usable], disease)[0])
        usable = sorted(usable[k] for k in np.argsort(-tells, kind="stable")[:most])
    return usable
