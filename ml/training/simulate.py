"""Patients drawn from the knowledge itself, for checks that need cases where none are at hand."""

import numpy as np

from ml.features.cases import CaseTable
from ml.features.encode import SEXES
from ml.features.evidence import AnnotationTable
from ml.features.graph import TermGraph

_MOST_PRESENT = 25
_IMPRECISE = 0.2  # share of findings recorded one step too generally
_NOISE = 0.2  # share of findings that have nothing to do with the disease


def simulated_cases(graph: TermGraph, table: AnnotationTable, n: int, seed: int = 20261123) -> CaseTable:
    """`n` patients of random diseases, with imprecise, irrelevant and absent findings, ages and sexes."""
    random = np.random.default_rng(seed)
    to_graph = np.array([graph.index.get(t, -1) for t in table.terms], np.int64)
    usable = (to_graph[table.columns["term"]] >= 0) & (table.columns["negated"] == 0)
    described = np.unique(table.columns["disease"][usable])
    diseases = random.choice(described, n)
    present, absent = [], []
    for disease in diseases.tolist():
        rows = table.rows_of(disease)
        terms = np.unique(to_graph[table.columns["term"][rows[usable[rows]]]])
        size = int(random.integers(1, min(len(terms), _MOST_PRESENT) + 1))
        chosen = {_blurred(graph, int(t), random) for t in random.choice(terms, size, replace=False)}
        lacks = set(random.choice(terms, int(random.integers(0, 4))).tolist())
        lacks |= set(random.integers(0, len(graph), int(random.integers(0, 6))).tolist())
        present.append(tuple(sorted(chosen)))
        absent.append(tuple(sorted(lacks - chosen)))
    ages = [float(random.uniform(0, 90)) if random.random() < 0.7 else None for _ in range(n)]
    sexes = [SEXES[int(random.integers(0, len(SEXES)))] for _ in range(n)]
    return CaseTable(
        diseases.astype(np.int64), tuple(present), tuple(absent), ((),) * n, tuple(ages), tuple(sexes)
    )


def _blurred(graph: TermGraph, term: int, random: np.random.Generator) -> int:
    chance = random.random()
    if chance < _NOISE:
        return int(random.integers(0, len(graph)))
    if chance < _NOISE + _IMPRECISE and graph.parents[term]:
        return int(random.choice(graph.parents[term]))
    return term
