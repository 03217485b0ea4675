"""One disease, one row: which ids of OMIM, DECIPHER, Orphanet, MONDO and ICD-10-CM mean the same (docs/adr/0016)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ml.knowledge.common import CommonDisease
from ml.knowledge.model import Disorder
from ml.knowledge.model import Mapping as IdMapping

# Entries of these databases are never merged with each other: benchmarks count OMIM's entries.
PRIMARY = ("OMIM", "DECIPHER")
ICD10 = "ICD10CM"
_ORDER = ("OMIM", "DECIPHER", "ORPHA", "MONDO", ICD10)


@dataclass
class MergedDisease:
    """A disease under its canonical id; `ids` are all that mean it, that one first. `common` where our set has it."""

    id: str
    common: CommonDisease | None = None
    others: set[str] = field(default_factory=set)

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids: the canonical one, then by database."""
        rest = sorted(self.others - {self.id}, key=lambda i: (_ORDER.index(database_of(i)), i))
        return (self.id, *rest)


def database_of(identity: str) -> str:
    """The part before the colon."""
    return identity.partition(":")[0]


def merge(
    described: Collection[str],
    common: Iterable[CommonDisease],
    disorders: Iterable[Disorder],
    mappings: Iterable[IdMapping],
) -> list[MergedDisease]:
    """All diseases, in order of canonical id.

    `described` are the ids that HPO's annotations describe. The canonical id is that of OMIM or DECIPHER where there is
    one, else that of the set of common diseases, else Orphanet's. An id that would mean two diseases means none: it is
    left out, except where our reviewed set claims it. For the diseases of that set its own column `same_as` decides
    about OMIM, DECIPHER and Orphanet, and mappings add nothing but ICD-10. Exact mappings are those of a MONDO term,
    and Orphanet's own references; where Orphanet calls its relation to an entry inexact, that stands.
    """
    merged = {i: MergedDisease(i) for i in described if database_of(i) in PRIMARY}
    hubs = _hubs(mappings)
    reviewed: set[str] = set()
    for disease in common:
        twin = next((i for i in disease.same_as if i in merged), disease.id)
        row = merged.setdefault(twin, MergedDisease(twin))
        row.common = disease
        row.others |= {disease.id, *disease.same_as, *(f"{ICD10}:{code}" for code in disease.icd10)}
        row.others |= {i for i in hubs.get(disease.id, ()) if database_of(i) == ICD10}
        reviewed |= {disease.id} | {i for i in row.others if database_of(i) != ICD10}
    disorders = list(disorders)
    for identity, claimed in _claims(merged, hubs, disorders, reviewed).items():
        merged[identity].others |= claimed
    _drop_ambiguous(merged.values())
    taken = {i for row in merged.values() for i in row.ids}
    entries = {i for i in described if database_of(i) == "ORPHA"} | {d.id for d in disorders if d.phenotypes}
    hub_of = {i: hub for hub, objects in hubs.items() for i in objects}
    for identity in entries - taken:
        merged[identity] = MergedDisease(identity)
        if (hub := hub_of.get(identity)) and hub not in taken:
            merged[identity].others |= {hub} | {i for i in hubs[hub] if database_of(i) == ICD10}
    _drop_ambiguous(merged.values())
    return [merged[identity] for identity in sorted(merged)]


def _hubs(mappings: Iterable[IdMapping]) -> dict[str, set[str]]:
    """MONDO id -> the ids that it means exactly."""
    hubs: dict[str, set[str]] = {}
    for mapping in mappings:
        # "ICD10CM:A15-A19" is a chapter of the classification, not a code for a disease
        is_code = database_of(mapping.object) in _ORDER and "-" not in mapping.object
        if mapping.relation == "exact" and is_code:
            hubs.setdefault(mapping.subject, set()).add(mapping.object)
    return hubs


def _claims(
    merged: Mapping[str, MergedDisease],
    hubs: Mapping[str, set[str]],
    disorders: Iterable[Disorder],
    reviewed: Collection[str],
) -> dict[str, set[str]]:
    """Entry of OMIM or DECIPHER -> ids that mean the same and no other entry."""
    inexact = {(d.id, r.id) for d in disorders for r in d.references if r.relation != "exact"}
    claims: dict[str, set[str]] = {}
    for hub, objects in hubs.items():
        for identity in objects & merged.keys():
            if merged[identity].common is None and hub not in reviewed:
                found = {hub} | {i for i in objects if database_of(i) not in PRIMARY}
                claims.setdefault(identity, set()).update(i for i in found if (i, identity) not in inexact)
    for disorder in disorders:
        for reference in disorder.references:
            identity = reference.id
            if reference.relation == "exact" and identity in merged and merged[identity].common is None:
                claims.setdefault(identity, set()).add(disorder.id)
    return {identity: claimed - set(reviewed) for identity, claimed in claims.items()}


def _drop_ambiguous(rows: Iterable[MergedDisease]) -> None:
    """An id on several rows stays with the reviewed one, if just one of them is; else it goes from all."""
    holders: dict[str, list[MergedDisease]] = {}
    for row in rows:
        for identity in row.ids:
            holders.setdefault(identity, []).append(row)
    for identity, several in holders.items():
        keeping = [row for row in several if row.common is not None]
        if len(several) > 1:
            for row in several:
                if len(keeping) != 1 or row is not keeping[0]:
                    row.others.discard(identity)
