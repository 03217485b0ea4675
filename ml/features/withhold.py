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
    withheld = {
        text: gone
        for text in np.unique(table.columns["references"]).tolist()
        if (gone := [r for r in table.row_references_of(text) if r in publications])
    }
    rows = np.flatnonzero(np.isin(table.columns["references"], list(withheld)))
    gone_of_row = {row: withheld[int(table.columns["references"][row])] for row in rows.tolist()}
    return _edited(table, gone_of_row, patients, strict)


def withhold_one_each(table: AnnotationTable, random: np.random.Generator) -> AnnotationTable:
    """The table where every disease has lost one random reference of its own (BENCHMARKS' protocol R-fair)."""
    gone_of_row: dict[int, list[str]] = {}
    own = table.own
    for disease in range(len(table.diseases)):
        rows = [row for row in table.rows_of(disease).tolist() if own[row]]
        if references := sorted(table.references_of(rows)):
            lost = references[int(random.integers(0, len(references)))]
            for row in rows:
                if lost in table.row_references_of(table.columns["references"][row]):
                    gone_of_row[row] = [lost]
    return _edited(table, gone_of_row, None, strict=False)


def _edited(
    table: AnnotationTable, gone_of_row: Mapping[int, list[str]], patients: Patients | None, strict: bool
) -> AnnotationTable:
    columns = {name: column.copy() for name, column in table.columns.items()}
    texts = list(table.texts)
    numbers: dict[str, int] = {}
    keep = np.ones(len(table), bool)
    for row, gone in gone_of_row.items():
        cited = table.row_references_of(columns["references"][row])
        rest = [reference for reference in cited if reference not in gone]
        removed = _patients_of(table, row, gone, patients)
        if strict or not rest or (removed and removed[1] >= columns["denominator"][row]):
            keep[row] = False
            continue
        if removed is None:
            columns["share"][row] *= len(rest) / len(cited)
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
