"""Takes publications out of the annotation rows, as if they had never been curated."""

from collections.abc import Mapping, Set
from dataclasses import replace

import numpy as np

from ml.features.evidence import AnnotationTable

# (publication, disease, term) -> (patients of that publication with the finding, patients observed for it)
Patients = Mapping[tuple[str, int, int], tuple[int, int]]


def withhold(
    table: AnnotationTable, publications: Set[str], patients: Patients | None = None, *, strict: bool = False
) -> AnnotationTable:
    """The table without what it owes to some publications.

    A row that cites nothing else goes. A row that cites others too keeps their part: of a frequency "n/m", the
    patients of the withheld publications are subtracted where `patients` (indices of `table.diseases` and
    `table.terms`) knows them; otherwise the row keeps the share of the references that stay. With `strict`, such rows
    go as a whole, and with them the evidence of the other publications.
    """
    columns = {name: column.copy() for name, column in table.columns.items()}
    texts = list(table.texts)
    numbers: dict[str, int] = {}
    touched = {
        text: rest
        for text in np.unique(columns["references"]).tolist()
        if len(rest := [r for r in table.row_references_of(text) if r not in publications])
        < len(table.row_references_of(text))
    }
    keep = np.ones(len(table), bool)
    for row in np.flatnonzero(np.isin(columns["references"], list(touched))).tolist():
        text = int(columns["references"][row])
        cited, rest = table.row_references_of(text), touched[text]
        if strict or not rest:
            keep[row] = False
            continue
        removed = _patients_of(table, row, [r for r in cited if r in publications], patients)
        if removed is None:
            columns["share"][row] *= len(rest) / len(cited)
        elif removed[1] >= columns["denominator"][row]:
            keep[row] = False
        else:
            columns["denominator"][row] -= removed[1]
            left = max(0, int(columns["numerator"][row]) - removed[0])
            columns["numerator"][row] = min(left, columns["denominator"][row])
        joined = ";".join(rest)
        if joined not in numbers:
            numbers[joined] = len(texts)
            texts.append(joined)
        columns["references"][row] = numbers[joined]
    edited = replace(table, texts=tuple(texts), columns=columns)
    return edited.take(np.flatnonzero(keep))


def _patients_of(
    table: AnnotationTable, row: int, withheld: list[str], patients: Patients | None
) -> tuple[int, int] | None:
    if patients is None or table.columns["denominator"][row] <= 0:
        return None
    disease, term = int(table.columns["disease"][row]), int(table.columns["term"][row])
    counts = [patients[key] for r in withheld if (key := (r, disease, term)) in patients]
    if len(counts) < len(withheld):
        return None
    return sum(present for present, _ in counts), sum(observed for _, observed in counts)
