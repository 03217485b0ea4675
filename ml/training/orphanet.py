"""Which candidates Orphanet's disorders describe, and which candidates stand under one disorder."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ml.features.evidence import FREQUENCY_CLASSES, SiblingGroup
from ml.knowledge import Knowledge
from ml.knowledge.merging import database_of
from ml.knowledge.model import Disorder, DisorderPhenotype
from ml.knowledge.series import series_name

MOST_SIBLINGS = 300
# a gene of more disorders says too little about any of them
MOST_ALLELIC = 3


@dataclass(frozen=True, slots=True)
class Matches:
    """Candidate -> ORPHA ids: `exact` for the same disease, `inexact` for a broader, narrower or undecided one.

    `allelic`: of the same gene, for candidates that nothing else matches.
    """

    exact: Mapping[str, tuple[str, ...]]
    inexact: Mapping[str, tuple[str, ...]]
    allelic: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def annotated_disorders(knowledge: Knowledge) -> tuple[Disorder, ...]:
    """Orphanet's entries as HPO's annotations describe them: they stand in where its own records are not loaded."""
    names = {d.id: d.name for d in knowledge.diseases if database_of(d.id) == "ORPHA"}
    rows: dict[str, set[DisorderPhenotype]] = {}
    for row in knowledge.annotations:
        if row.disease_id in names and row.frequency in FREQUENCY_CLASSES and not row.negated:
            rows.setdefault(row.disease_id, set()).add(DisorderPhenotype(row.hpo_id, row.frequency))
    return tuple(
        Disorder(identity, names[identity], "", phenotypes=tuple(sorted(found)))
        for identity, found in sorted(rows.items())
    )


def match_by_name(knowledge: Knowledge, disorders: Iterable[Disorder], candidates: Sequence[str]) -> Matches:
    """Match without references: `exact` by equal names, `inexact` by the name of the candidate's series."""
    by_name = {_plain(disorder.name): disorder.id for disorder in disorders}
    genes: dict[str, set[str]] = {}
    disorders_of: dict[str, set[str]] = {}
    for row in knowledge.genes:
        genes.setdefault(row.disease_id, set()).add(row.gene_symbol)
        if row.disease_id in by_name.values():
            disorders_of.setdefault(row.gene_symbol, set()).add(row.disease_id)
    names = {disease.id: disease.name for disease in knowledge.diseases}
    exact, inexact, allelic = {}, {}, {}
    for candidate in candidates:
        alleles = {d for gene in genes.get(candidate, ()) for d in disorders_of.get(gene, ())}
        if (same := by_name.get(_plain(names[candidate]))) not in (None, candidate):
            exact[candidate] = (same,)
        elif broader := by_name.get(_plain(series_name(names[candidate]))):
            inexact[candidate] = (broader,)
        elif alleles and len(alleles) <= MOST_ALLELIC:
            allelic[candidate] = tuple(sorted(alleles))
    return Matches(exact, inexact, allelic)


def _plain(name: str) -> str:
    return re.sub(r"[^\w]+", " ", name.casefold()).strip()


def match_disorders(knowledge: Knowledge, candidates: Sequence[str]) -> Matches:
    """Match by Orphanet's own references, by exact mappings of both ids to one MONDO term, and by merged ids.

    Where Orphanet itself calls the relation inexact, that stands: it describes the entry it wrote.
    """
    chosen = set(candidates)
    exact: dict[str, set[str]] = {}
    inexact: dict[str, set[str]] = {}
    known = {disorder.id for disorder in knowledge.disorders}
    for disorder in knowledge.disorders:
        for reference in disorder.references:
            if reference.id in chosen:
                kind = exact if reference.relation == "exact" else inexact
                kind.setdefault(reference.id, set()).add(disorder.id)
    by_subject: dict[str, set[str]] = {}
    for mapping in knowledge.mappings:
        if mapping.relation == "exact":
            by_subject.setdefault(mapping.subject, set()).add(mapping.object)
    for objects in by_subject.values():
        disorders = objects & known
        for candidate in objects & chosen if disorders else ():
            exact.setdefault(candidate, set()).update(disorders - inexact.get(candidate, set()))
    for disease in knowledge.diseases:
        if disease.id in chosen and (same := known.intersection(disease.ids) - {disease.id}):
            exact.setdefault(disease.id, set()).update(same)
    return Matches(
        *({c: tuple(sorted(o)) for c, o in sorted(kind.items()) if o} for kind in (exact, inexact))
    )


def sibling_groups(matches: Matches, candidates: Sequence[str]) -> tuple[SiblingGroup, ...]:
    """The candidates under each disorder, where there are 2 to `MOST_SIBLINGS`, as indices of `candidates`."""
    number = {identity: i for i, identity in enumerate(candidates)}
    members: dict[str, set[int]] = {}
    for kind in (matches.exact, matches.inexact):
        for candidate, disorders in kind.items():
            for disorder in disorders:
                members.setdefault(disorder, set()).add(number[candidate])
    return tuple(
        SiblingGroup(disorder, tuple(sorted(group)))
        for disorder, group in sorted(members.items())
        if 2 <= len(group) <= MOST_SIBLINGS
    )
