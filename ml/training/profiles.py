"""From annotation rows (and confirmed cases) to the probability of each finding in each disease."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator

from ml.features.cases import CaseTable
from ml.features.evidence import (
    ALLELIC,
    DISORDER,
    EXACT,
    GENE,
    INEXACT,
    NAMED,
    SERIES,
    AnnotationTable,
    FloatArray,
    FrequencyWeights,
    IntArray,
    patient_counts,
)
from ml.features.graph import TermGraph


@dataclass(frozen=True)
class Evidence:
    """All that a model is fitted on: the graph of findings, annotation rows, and confirmed cases (may be none)."""

    graph: TermGraph
    table: AnnotationTable
    cases: CaseTable | None = None


@dataclass(frozen=True)
class Profiles:
    """What is known of k diseases.

    `frequency` [terms, k]: P(finding or a subtype | disease), zero where nothing is known. `expected_findings` [k]:
    the mean number of annotated findings of a patient. `n_references`, `n_case_publications` [k]: distinct
    references of the disease's rows, and publications among its training cases; a disease without rows of its own has
    the latter for the former. `known` [terms, k]: `frequency` before training cases.
    """

    frequency: sp.csc_matrix
    expected_findings: FloatArray
    n_references: FloatArray
    n_case_publications: FloatArray
    known: sp.csc_matrix

    def take(self, diseases: IntArray) -> "Profiles":
        """The profiles of some diseases."""
        return Profiles(
            self.frequency[:, diseases],
            self.expected_findings[diseases],
            self.n_references[diseases],
            self.n_case_publications[diseases],
            self.known[:, diseases],
        )


class ProfileEstimator(BaseEstimator):
    """Beta-smoothed frequencies, propagated to more general terms by their maximum.

    F = (present + alpha) / (patients + alpha + beta) for each annotated pair of disease and term; a term is at
    least as frequent as any of its subtypes (Koehler et al. 2009, PMID:19800049, for the propagation). Confirmed
    cases then enter the same posterior: H = (m F + a) / (m + a + b + u * unmentioned), with a and b cases that
    have and lack the finding. Rows marked NOT say that the finding is no feature of the disease: they give no
    positive evidence.

    G takes the place of F, the largest of F and of what is borrowed: named_share * what the name says, exact_share,
    inexact_share and allelic_share * what an Orphanet disorder says, and for each kind of group (Orphanet's
    siblings, a series of names, a gene) its share * s / (s + own annotated terms) * mean of F over the group's others,
    with s = sibling_strength: sparse descriptions borrow most (docs/adr/0013, 0014). Attributes after fit: `profiles_`,
    and `own_`, F before anything is borrowed or counted.
    """

    def __init__(
        self, *, alpha: float = 0.02, beta: float = 0.98, ratio_cap: float = 30.0, class_weight: float = 10.0,
        unspecified_present: float = 1.8, unspecified_weight: float = 3.0, knowledge_weight: float = 4.0,
        unmentioned_weight: float = 0.3, exact_share: float = 0.6, inexact_share: float = 0.25,
        named_share: float = 0.8, allelic_share: float = 0.15, sibling_share: float = 0.4,
        series_share: float = 0.35, gene_share: float = 0.1, sibling_strength: float = 5.0,
    ) -> None:  # fmt: skip
        self.alpha = alpha
        self.beta = beta
        self.ratio_cap = ratio_cap
        self.class_weight = class_weight
        self.unspecified_present = unspecified_present
        self.unspecified_weight = unspecified_weight
        self.knowledge_weight = knowledge_weight
        self.unmentioned_weight = unmentioned_weight
        self.exact_share = exact_share
        self.inexact_share = inexact_share
        self.named_share = named_share
        self.allelic_share = allelic_share
        self.sibling_share = sibling_share
        self.series_share = series_share
        self.gene_share = gene_share
        self.sibling_strength = sibling_strength

    def fit(
        self, evidence: Evidence, y: None = None, *, others: sp.csc_matrix | None = None,
        diseases: IntArray | None = None,
    ) -> "ProfileEstimator":  # fmt: skip
        """Estimate the profile of every disease of the table.

        When the table holds the rows of some `diseases` only, `others` is the `own_` of a fit to all: what their
        siblings are known to have.
        """
        table, graph = evidence.table, evidence.graph
        n_diseases = len(table.diseases)
        weights = FrequencyWeights(
            self.ratio_cap, self.class_weight, self.unspecified_present, self.unspecified_weight
        )
        present, total = patient_counts(table, weights)
        to_graph = np.array([graph.index.get(t, -1) for t in table.terms] or [-1], np.int64)
        term = to_graph[table.columns["term"]]
        positive = (term >= 0) & (table.columns["negated"] == 0) & (total > 0)
        usable = positive & table.own
        key = table.columns["disease"][usable].astype(np.int64) * len(graph) + term[usable]
        pairs, group = np.unique(key, return_inverse=True)
        value = (np.bincount(group, present[usable], minlength=len(pairs)) + self.alpha) / (
            np.bincount(group, total[usable], minlength=len(pairs)) + self.alpha + self.beta
        )
        disease = pairs // len(graph)
        expected: FloatArray = np.bincount(disease, value, minlength=n_diseases).astype(float)
        self.own_ = _propagate(graph, disease, pairs % len(graph), value, n_diseases)
        frequency = self.own_
        borrowed = {
            EXACT: self.exact_share,
            INEXACT: self.inexact_share,
            NAMED: self.named_share,
            ALLELIC: self.allelic_share,
        }
        for origin, share in borrowed.items():
            rows = positive & (table.columns["origin"] == origin)
            if rows.any():
                stated = share * present[rows] / total[rows]
                said = _propagate(
                    graph, table.columns["disease"][rows].astype(np.int64), term[rows], stated, n_diseases
                )
                frequency = frequency.maximum(said).tocsc()
        if table.siblings:
            n_own = np.bincount(disease, minlength=n_diseases)
            for mean in self._of_groups(table, n_own, others, diseases):
                frequency = frequency.maximum(mean).tocsc()
        frequency.sort_indices()
        known, n_publications, references = frequency, np.zeros(n_diseases), _count_references(table)
        if evidence.cases is not None:
            frequency, n_publications = self._add_cases(frequency, evidence.cases, graph)
            only_cases = (references == 0) & (n_publications > 0)
            references[only_cases] = n_publications[only_cases]
            expected[only_cases] = [
                np.mean([len(evidence.cases.present[case]) for case in evidence.cases.of_disease(d)])
                for d in np.flatnonzero(only_cases).tolist()
            ]
        self.profiles_ = Profiles(frequency, expected, references, n_publications, known)
        return self

    def _of_groups(
        self, table: AnnotationTable, n_own: IntArray, others: sp.csc_matrix | None, diseases: IntArray | None
    ) -> Iterator[sp.csc_matrix]:
        """Per kind of group the discounted mean of F over the others, [terms, diseases]; zero but for `diseases`."""
        n = len(table.diseases)
        wanted = np.arange(n) if diseases is None else diseases
        own = self.own_
        if others is not None:
            kept = np.ones(n)
            kept[wanted] = 0.0
            own = own + others @ sp.diags(kept)
        need: FloatArray = np.array(self.sibling_strength / (self.sibling_strength + n_own))
        shares = {DISORDER: self.sibling_share, SERIES: self.series_share, GENE: self.gene_share}
        for kind, share in shares.items():
            yield _group_mean(own, table, kind, wanted, share * need)

    def _add_cases(
        self, frequency: sp.csc_matrix, cases: CaseTable, graph: TermGraph
    ) -> tuple[sp.csc_matrix, FloatArray]:
        columns: list[tuple[IntArray, FloatArray]] = []
        n_publications = np.zeros(frequency.shape[1])
        for k in range(frequency.shape[1]):
            terms = frequency.indices[frequency.indptr[k] : frequency.indptr[k + 1]]
            values = frequency.data[frequency.indptr[k] : frequency.indptr[k + 1]]
            members = cases.of_disease(k)
            if members:
                n_publications[k] = len({p for c in members for p in cases.publications[c]})
                terms, values = self._posterior(
                    dict(zip(terms.tolist(), values, strict=True)), members, cases, graph
                )
            columns.append((terms, values))
        start = np.zeros(len(columns) + 1, np.int64)
        np.cumsum([len(terms) for terms, _ in columns], out=start[1:])
        merged = sp.csc_matrix(
            (np.concatenate([v for _, v in columns]), np.concatenate([t for t, _ in columns]), start),
            shape=frequency.shape,
        )
        return merged, n_publications

    def _posterior(
        self, known: Mapping[int, float], members: tuple[int, ...], cases: CaseTable, graph: TermGraph
    ) -> tuple[IntArray, FloatArray]:
        present: dict[int, int] = {}
        absent: list[set[int]] = []
        for case in members:
            for term in {a for t in cases.present[case] for a in graph.closure(t)}:
                present[term] = present.get(term, 0) + 1
            absent.append(set(cases.absent[case]))
        terms = np.array(sorted(known.keys() | present.keys()), np.int64)
        values = np.empty(len(terms))
        m, u = self.knowledge_weight, self.unmentioned_weight
        for i, term in enumerate(terms.tolist()):
            a = present.get(term, 0)
            # an absent finding excludes its subtypes, so a term is absent when it or a more general one is
            b = sum(1 for excluded in absent if not excluded.isdisjoint(graph.closure(term)))
            b = min(b, len(members) - a)
            rest = len(members) - a - b
            values[i] = (m * known.get(term, 0.0) + a) / (m + a + b + u * rest)
        return terms, values


def _group_mean(
    own: sp.csc_matrix, table: AnnotationTable, kind: str, wanted: IntArray, weight: FloatArray
) -> sp.csc_matrix:
    """weight [diseases] * the mean of `own` over the others of each wanted disease's group, [terms, diseases]."""
    n = len(table.diseases)
    group = table.sibling_group[kind]
    wanted = wanted[group[wanted] >= 0]
    if not len(wanted):
        return sp.csc_matrix(own.shape)
    numbers, column = np.unique(group[wanted], return_inverse=True)
    members = [table.siblings[number].diseases for number in numbers.tolist()]
    size = np.array([len(m) for m in members], float)
    owner = np.repeat(np.arange(len(members)), size.astype(int))
    flat = np.array([d for m in members for d in m], np.int64)
    sums = own @ sp.csc_matrix((np.ones(len(flat)), (flat, owner)), (n, len(members)))
    part = weight[wanted] / np.maximum(size[column] - 1, 1)
    mean = sums @ sp.csc_matrix((part, (column, wanted)), (len(members), n))
    mean = (mean - own @ sp.csc_matrix((part, (wanted, wanted)), (n, n))).tocsc()
    # a finding of no other leaves the rounding error of a difference
    mean.data[mean.data < 1e-9] = 0.0
    mean.eliminate_zeros()
    return mean


def _propagate(
    graph: TermGraph, disease: IntArray, term: IntArray, value: FloatArray, n_diseases: int
) -> sp.csc_matrix:
    start, flat = graph.ancestors
    length = start[term + 1] - start[term]
    owner = np.repeat(np.arange(len(term)), length)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    key = disease[owner] * len(graph) + flat[start[term][owner] + within]
    order = np.lexsort((-value[owner], key))
    key, best = key[order], value[owner][order]
    first = np.ones(len(key), bool)
    first[1:] = key[1:] != key[:-1]
    key, best = key[first], best[first]
    column_start = np.searchsorted(key, np.arange(n_diseases + 1) * len(graph))
    return sp.csc_matrix((best, (key % len(graph)).astype(np.int32), column_start), (len(graph), n_diseases))


# how much a disease is written about shows in publications; that web pages describe it says only that we read them
_ADDRESS = ("http://", "https://")


def _count_references(table: AnnotationTable) -> FloatArray:
    cited: dict[int, set[str]] = {}
    own = table.own
    columns = (table.columns[name][own].tolist() for name in ("disease", "references"))
    pairs = zip(*columns, strict=True)
    for disease, text in dict.fromkeys(pairs):
        published = (r for r in table.row_references_of(text) if not r.startswith(_ADDRESS))
        cited.setdefault(disease, set()).update(published)
    counts = np.zeros(len(table.diseases))
    counts[list(cited)] = [len(references) for references in cited.values()]
    return counts
