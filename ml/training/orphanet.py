"""Which candidates Orphanet's disorders describe, and which candidates stand under one disorder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml.features.evidence import SiblingGroup
from ml.knowledge import Knowledge

MOST_SIBLINGS = 300


@dataclass(frozen=True, slots=True)
class Matches:
    """Candidate -> ORPHA ids: `exact` for the same disease, `inexact` for a broader, narrower or undecided one."""

    exact: Mapping[str, tuple[str, ...]]
    inexact: Mapping[str, tuple[str, ...]]


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
