"""Annotation rows as columns: what training counts, explanations cite and leave-publication-out removes.

Needs numpy only, because serving reads it too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

COLUMNS = (
    "disease", "term", "aspect", "negated", "frequency", "numerator", "denominator", "onset", "sex", "references",
    "share", "origin", "verified",
)  # fmt: skip
# where a row comes from: the disease's own annotations, an Orphanet disorder that is the same or a related one, the
# name of the disease, or an Orphanet disorder of the same gene
OWN, EXACT, INEXACT, NAMED, ALLELIC = range(5)
# stands as the frequency of what a name says
FROM_NAME = "from the name"
# why diseases stand in one group: under one Orphanet disorder, in one series of names, by one gene
DISORDER, SERIES, GENE = GROUP_KINDS = ("disorder", "series", "gene")


class SiblingGroup(NamedTuple):
    """Diseases (indices) of one group; `reference` is the disorder's id, or "series: ..." or "gene: ..."."""

    reference: str
    diseases: tuple[int, ...]
    kind: str = DISORDER


@dataclass(frozen=True)
class AnnotationTable:
    """n rows as integer columns over shared lists of texts.

    `disease` indexes `diseases`, `term` indexes `terms`; `aspect`, `frequency`, `onset`, `sex` and `references`
    index `texts` (references of one row are joined by ";"). `numerator` and `denominator` are -1 where the
    frequency is not "n/m". `share` is the part of the row's weight that is left after withholding one of its several
    references (`ml.features.withhold`), half of it where nobody has seen the statement in its source, which `verified`
    0 says, and more than 1 where a row sums up many observations; `origin` is OWN, EXACT, INEXACT, NAMED or ALLELIC.
    Rows that are not the disease's own say what Orphanet's disorder or a name has; they enter no count of references,
    onsets or expected findings.
    """

    diseases: tuple[str, ...]
    terms: tuple[str, ...]
    texts: tuple[str, ...]
    columns: dict[str, NDArray[Any]]
    siblings: tuple[SiblingGroup, ...] = ()

    def __len__(self) -> int:
        return len(self.columns["disease"])

    def row_references_of(self, text: int) -> tuple[str, ...]:
        """The references that a number of the column `references` stands for."""
        return tuple(part for part in self.texts[text].split(";") if part)

    @cached_property
    def rows_of_disease(self) -> tuple[IntArray, IntArray]:
        """(start, rows): the rows of disease d are `rows[start[d]:start[d + 1]]`, ascending."""
        disease = self.columns["disease"]
        start = np.zeros(len(self.diseases) + 1, np.int64)
        np.cumsum(np.bincount(disease, minlength=len(self.diseases)), out=start[1:])
        return start, np.argsort(disease, kind="stable")

    def rows_of(self, disease: int) -> IntArray:
        """Row numbers of one disease, ascending."""
        start, rows = self.rows_of_disease
        return rows[start[disease] : start[disease + 1]]

    @cached_property
    def diseases_citing(self) -> dict[str, IntArray]:
        """Reference -> the diseases with a row that cites it, ascending."""
        pairs = np.unique(np.stack([self.columns["references"], self.columns["disease"]]), axis=1)
        found: dict[str, set[int]] = {}
        for text, disease in pairs.T.tolist():
            for reference in self.row_references_of(text):
                found.setdefault(reference, set()).add(disease)
        return {reference: np.array(sorted(diseases), np.int64) for reference, diseases in found.items()}

    @cached_property
    def sibling_group(self) -> dict[str, IntArray]:
        """Per kind, the smallest of `siblings` that each disease belongs to, [diseases]; -1 for none."""
        groups = {kind: np.full(len(self.diseases), -1, np.int64) for kind in GROUP_KINDS}
        by_size = sorted(range(len(self.siblings)), key=lambda i: (-len(self.siblings[i].diseases), -i))
        for number in by_size:
            groups[self.siblings[number].kind][list(self.siblings[number].diseases)] = number
        return groups

    @property
    def own(self) -> BoolArray:
        """Which rows are the disease's own."""
        return np.asarray(self.columns["origin"] == OWN)

    def take(self, rows: IntArray) -> "AnnotationTable":
        """Some of the rows, over the same diseases, terms and texts."""
        return replace(self, columns={name: column[rows] for name, column in self.columns.items()})

    def of_diseases(self, diseases: Iterable[int]) -> "AnnotationTable":
        """The rows of some diseases only."""
        return self.take(np.concatenate([np.zeros(0, np.int64), *(self.rows_of(d) for d in diseases)]))

    def references_of(self, rows: Iterable[int]) -> set[str]:
        """The distinct references of some rows."""
        column = self.columns["references"]
        return {reference for row in rows for reference in self.row_references_of(column[row])}


class TableBuilder:
    """Collects rows into an AnnotationTable; texts are numbered in order of first use."""

    def __init__(self, diseases: Sequence[str], terms: Sequence[str]) -> None:
        self._diseases = {identity: i for i, identity in enumerate(diseases)}
        self._terms = {identity: i for i, identity in enumerate(terms)}
        self._texts: dict[str, int] = {"": 0}
        self._columns: dict[str, list[float]] = {name: [] for name in COLUMNS}

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def add(
        self, *, disease: str, term: str, aspect: str, negated: bool, frequency: str, numerator: int | None,
        denominator: int | None, onset: str, sex: str, references: Iterable[str], origin: int = OWN,
        share: float = 1.0, verified: bool = True,
    ) -> None:  # fmt: skip
        """Add one row. Raises KeyError when disease or term was not declared."""
        values = {
            "disease": self._diseases[disease],
            "term": self._terms[term],
            "aspect": self._text(aspect),
            "negated": int(negated),
            "frequency": self._text(frequency),
            "numerator": -1 if numerator is None else numerator,
            "denominator": -1 if denominator is None else denominator,
            "onset": self._text(onset),
            "sex": self._text(sex),
            "references": self._text(";".join(references)),
            "share": share,
            "origin": origin,
            "verified": int(verified),
        }
        for name, value in values.items():
            self._columns[name].append(value)

    def build(self, siblings: tuple[SiblingGroup, ...] = ()) -> AnnotationTable:
        """The table of all rows added."""
        return AnnotationTable(
            tuple(self._diseases),
            tuple(self._terms),
            tuple(self._texts),
            {
                name: np.array(values, np.float32 if name == "share" else np.int32)
                for name, values in self._columns.items()
            },
            siblings,
        )


# Midpoints of HPO's frequency classes (HP:0040279), as in ENGINE-NOTES' recipe; "excluded" is 0.
FREQUENCY_CLASSES = {
    "HP:0040280": 1.0,
    "HP:0040281": 0.9,
    "HP:0040282": 0.545,
    "HP:0040283": 0.17,
    "HP:0040284": 0.025,
    "HP:0040285": 0.0,
}


@dataclass(frozen=True)
class FrequencyWeights:
    """How many patients a published frequency stands for (see docs/adr/0011).

    A ratio n/m counts its m patients, at most `ratio_cap`; a class or a percentage counts `class_weight`; a row
    without frequency counts `unspecified_weight` patients, `unspecified_present` of them with the finding.
    """

    ratio_cap: float = 30.0
    class_weight: float = 10.0
    unspecified_present: float = 1.8
    unspecified_weight: float = 3.0


def patient_counts(table: AnnotationTable, weights: FrequencyWeights) -> tuple[FloatArray, FloatArray]:
    """(patients with the finding, patients) that each row stands for."""
    texts, text_of_row = np.unique(table.columns["frequency"], return_inverse=True)
    by_text = np.array([_of_text(table.texts[text], weights) for text in texts]).reshape(-1, 2)
    present, total = by_text[text_of_row].T.copy()
    numerator, denominator = table.columns["numerator"], table.columns["denominator"]
    ratio = denominator > 0
    total[ratio] = np.minimum(denominator[ratio], weights.ratio_cap)
    present[ratio] = np.minimum(numerator[ratio] / denominator[ratio], 1.0) * total[ratio]
    share = table.columns["share"]
    return present * share, total * share


def _of_text(text: str, weights: FrequencyWeights) -> tuple[float, float]:
    if text in FREQUENCY_CLASSES:
        return FREQUENCY_CLASSES[text] * weights.class_weight, weights.class_weight
    if text.endswith("%"):
        try:
            return min(float(text[:-1]) / 100, 1.0) * weights.class_weight, weights.class_weight
        except ValueError:
            pass
    return weights.unspecified_present, weights.unspecified_weight
