"""Turns knowledge and case files into what estimators are fitted on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ml.data.records import read_cases
from ml.features.cases import CaseTable
from ml.features.evidence import AnnotationTable, TableBuilder
from ml.features.graph import TermGraph
from ml.knowledge import Knowledge, Term
from ml.serving.age import InvalidAge, years_of
from ml.serving.phenopacket import LineError, PacketCase
from ml.serving.vocabulary import Vocabulary
from ml.training.borrowing import borrow
from ml.training.candidates import candidate_rows


def vocabulary_of(terms: Iterable[Term]) -> Vocabulary:
    """The vocabulary of a knowledge release."""
    return Vocabulary(
        {
            "id": term.id,
            "label": term.label,
            "synonyms": [synonym._asdict() for synonym in term.synonyms],
            "alt_ids": term.alt_ids,
            "parents": term.parents,
            "obsolete": term.obsolete,
            "replaced_by": term.replaced_by,
            "consider": term.consider,
        }
        for term in terms
    )


def annotation_table(knowledge: Knowledge, vocabulary: Vocabulary) -> AnnotationTable:
    """Rows of phenotypes and clinical course of all candidates (`ml.training.candidates`).

    Replaced terms of the annotations are put right; terms that nothing replaces are left out. Rows that a candidate
    borrows come after its own (`ml.training.borrowing`).
    """
    candidates, rows = candidate_rows(knowledge, vocabulary)
    borrowed = borrow(knowledge, vocabulary, candidates)
    terms = {row.term for row in rows} | {loan.term for loan in borrowed.rows}
    builder = TableBuilder(candidates, sorted(terms))
    for row in rows:
        builder.add(**row._asdict())
    for loan in borrowed.rows:
        builder.add(
            disease=loan.disease,
            term=loan.term,
            aspect="P",
            negated=False,
            frequency=loan.frequency,
            numerator=None,
            denominator=None,
            onset="",
            sex="",
            references=(loan.reference,),
            origin=loan.origin,
        )
    return builder.build(borrowed.siblings)


@dataclass
class LoadedCases:
    """Cases of some files. `truth[i]` are the diagnoses of case i; records that could not be read are in `errors`."""

    table: CaseTable
    ids: list[str]
    truth: list[tuple[str, ...]]
    errors: list[LineError] = field(default_factory=list)
    unknown_terms: int = 0
    undiagnosed: list[str] = field(default_factory=list)


def load_cases(paths: Sequence[Path], vocabulary: Vocabulary, numbers: Mapping[str, int]) -> LoadedCases:
    """`case_table` of the records of some files. Raises CaseFileError when one cannot be read at all."""
    return case_table((record for path in paths for record in read_cases(path)), vocabulary, numbers)


def case_table(
    records: Iterable[PacketCase | LineError], vocabulary: Vocabulary, numbers: Mapping[str, int]
) -> LoadedCases:
    """Number the findings and diagnoses of some records.

    `numbers` gives the candidate that an id means (`ml.training.candidates.candidate_ids`).
    Alternative and obsolete ids are replaced; ids that are no phenotypic abnormality of this release are dropped and
    counted. A finding both present and absent counts as present (packets of follow-up visits say both), an uncertain
    one as what it is otherwise said to be. A case without diagnosis is left out and listed; one without any present
    finding stays, as hard as it is.
    """
    loaded = LoadedCases(CaseTable(np.zeros(0, np.int64), (), (), (), (), ()), [], [])
    disease: list[int] = []
    present: list[tuple[int, ...]] = []
    absent: list[tuple[int, ...]] = []
    uncertain: list[tuple[int, ...]] = []
    volunteered: list[tuple[int, ...]] = []
    publications: list[tuple[str, ...]] = []
    ages: list[float | None] = []
    sexes: list[str | None] = []
    for record in records:
        if isinstance(record, LineError):
            loaded.errors.append(record)
            continue
        has, unknown = _terms(record.present, vocabulary)
        lacks, unknown_absent = _terms(record.absent, vocabulary)
        unsure, unknown_uncertain = _terms(record.uncertain, vocabulary)
        said, _ = _terms(record.volunteered, vocabulary)
        loaded.unknown_terms += unknown + unknown_absent + unknown_uncertain
        if not record.diseases:
            loaded.undiagnosed.append(record.id)
            continue
        loaded.ids.append(record.id)
        loaded.truth.append(record.diseases)
        disease.append(next((numbers[d] for d in record.diseases if d in numbers), -1))
        present.append(tuple(sorted(has)))
        absent.append(tuple(sorted(lacks - has)))
        uncertain.append(tuple(sorted(unsure - has - lacks)))
        volunteered.append(tuple(sorted(said)))
        publications.append(record.publications)
        ages.append(_age(record))
        sexes.append(record.sex)
    loaded.table = CaseTable(
        np.array(disease, np.int64),
        tuple(present),
        tuple(absent),
        tuple(publications),
        tuple(ages),
        tuple(sexes),
        tuple(uncertain),
        tuple(volunteered),
    )
    return loaded


def _terms(identities: Iterable[str], vocabulary: Vocabulary) -> tuple[set[int], int]:
    found: set[int] = set()
    unknown = 0
    for identity in identities:
        current = vocabulary.current(identity)
        if current is None or not vocabulary.is_phenotype(current):
            unknown += 1
        else:
            found.add(vocabulary.graph.index[current])
    return found, unknown


def _age(record: PacketCase) -> float | None:
    try:
        return None if record.age is None else years_of(record.age)
    except InvalidAge:
        return None


def patients_of(
    cases: CaseTable, graph: TermGraph, table: AnnotationTable
) -> dict[tuple[str, int, int], tuple[int, int]]:
    """Per (publication, disease, term of the table): cases with the finding, and cases observed for it."""
    in_table = {graph.index[t]: i for i, t in enumerate(table.terms) if t in graph.index}
    counts: dict[tuple[str, int, int], tuple[int, int]] = {}
    for case in np.flatnonzero(cases.disease >= 0).tolist():
        states = [(t, 1) for t in cases.present[case]] + [(t, 0) for t in cases.absent[case]]
        for publication in cases.publications[case]:
            for term, has in states:
                if term in in_table:
                    key = (publication, int(cases.disease[case]), in_table[term])
                    present, observed = counts.get(key, (0, 0))
                    counts[key] = (present + has, observed + 1)
    return counts
