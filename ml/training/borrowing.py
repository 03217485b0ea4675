"""What candidates borrow: from Orphanet's disorders, from their names, and from diseases of the same group.

docs/adr/0013 (Orphanet) and docs/adr/0014 (names, series, genes) say why, and what is given up.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ml.features.evidence import (
    ALLELIC,
    EXACT,
    FREQUENCY_CLASSES,
    FROM_NAME,
    GENE,
    INEXACT,
    NAMED,
    SERIES,
    SiblingGroup,
)
from ml.knowledge import Knowledge
from ml.knowledge.model import Disorder
from ml.knowledge.series import series_of
from ml.serving.vocabulary import Vocabulary
from ml.training.candidates import candidate_ids
from ml.training.names import NameReader
from ml.training.orphanet import (
    Matches,
    annotated_disorders,
    match_by_name,
    match_disorders,
    sibling_groups,
)

MOST_IN_A_GROUP = 400


class BorrowedRow(NamedTuple):
    """One finding of another's; `reference` is the ORPHA id, or the disease's own id where its name says it."""

    disease: str
    term: str
    frequency: str
    reference: str
    origin: int


class Borrowed(NamedTuple):
    """Rows that are not the candidates' own, and the groups that they stand in."""

    rows: tuple[BorrowedRow, ...]
    siblings: tuple[SiblingGroup, ...]


def borrow(knowledge: Knowledge, vocabulary: Vocabulary, candidates: Sequence[str]) -> Borrowed:
    """All that the candidates borrow, in a fixed order."""
    if knowledge.disorders:
        disorders = knowledge.disorders
        matches = match_disorders(knowledge, candidates)
    else:
        disorders = annotated_disorders(knowledge)
        matches = match_by_name(knowledge, disorders, candidates)
    rows = _of_disorders(disorders, matches) + _of_names(knowledge, matches, candidates)
    current = (row._replace(term=vocabulary.current(row.term) or "") for row in rows)
    usable = (row for row in current if row.term and vocabulary.is_phenotype(row.term))
    groups = (
        sibling_groups(matches, candidates) + _series(knowledge, candidates) + _genes(knowledge, candidates)
    )
    return Borrowed(tuple(dict.fromkeys(usable)), groups)


def _of_disorders(disorders: Iterable[Disorder], matches: Matches) -> list[BorrowedRow]:
    by_id = {disorder.id: disorder for disorder in disorders}
    kinds = ((EXACT, matches.exact), (INEXACT, matches.inexact), (ALLELIC, matches.allelic))
    return [
        BorrowedRow(candidate, phenotype.hpo_id, phenotype.frequency, identity, origin)
        for origin, kind in kinds
        for candidate, identities in kind.items()
        for identity in identities
        for phenotype in by_id[identity].phenotypes
        if FREQUENCY_CLASSES[phenotype.frequency] > 0
    ]


def _of_names(knowledge: Knowledge, matches: Matches, candidates: Sequence[str]) -> list[BorrowedRow]:
    read = NameReader(knowledge.terms).findings
    names = {disease.id: (disease.name,) for disease in knowledge.diseases}
    of_disorder = {disorder.id: (disorder.name, *disorder.synonyms) for disorder in knowledge.disorders}
    rows = _named(((c, c, names[c] + of_disorder.get(c, ())) for c in candidates), NAMED, read)
    for origin, kind in ((NAMED, matches.exact), (INEXACT, matches.inexact)):
        rows += _named(((c, o, of_disorder.get(o, ())) for c, ids in kind.items() for o in ids), origin, read)
    return rows


def _named(
    names: Iterable[tuple[str, str, Iterable[str]]], origin: int, read: Callable[[str], frozenset[str]]
) -> list[BorrowedRow]:
    return [
        BorrowedRow(candidate, term, FROM_NAME, reference, origin)
        for candidate, reference, texts in names
        for text in texts
        for term in sorted(read(text))
    ]


def _series(knowledge: Knowledge, candidates: Sequence[str]) -> tuple[SiblingGroup, ...]:
    number = {identity: i for i, identity in enumerate(candidates)}
    names = {disease.id: disease.name for disease in knowledge.diseases if disease.id in number}
    members: dict[str, set[int]] = {}
    for identity, series in series_of(names).items():
        members.setdefault(series.casefold(), set()).add(number[identity])
    return _groups(SERIES, members)


def _genes(knowledge: Knowledge, candidates: Sequence[str]) -> tuple[SiblingGroup, ...]:
    number = candidate_ids(knowledge, candidates)
    members: dict[str, set[int]] = {}
    for row in knowledge.genes:
        if row.disease_id in number:
            members.setdefault(row.gene_symbol, set()).add(number[row.disease_id])
    return _groups(GENE, members)


def _groups(kind: str, members: Mapping[str, set[int]]) -> tuple[SiblingGroup, ...]:
    return tuple(
        SiblingGroup(f"{kind}: {label}", tuple(sorted(group)), kind)
        for label, group in sorted(members.items())
        if 2 <= len(group) <= MOST_IN_A_GROUP
    )
