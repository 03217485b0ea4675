"""The kinds of records of a knowledge folder."""

from dataclasses import dataclass
from typing import NamedTuple

ROOT = "HP:0000001"
PHENOTYPIC_ABNORMALITY = "HP:0000118"


class Synonym(NamedTuple):
    """One synonym of a term; scope is EXACT, BROAD, NARROW or RELATED (OBO 1.4)."""

    text: str
    scope: str


@dataclass(frozen=True, slots=True)
class Term:
    """One HPO term. An obsolete term has no parents; `replaced_by` and `consider` say what stands for it now."""

    id: str
    label: str
    definition: str | None = None
    synonyms: tuple[Synonym, ...] = ()
    alt_ids: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    obsolete: bool = False
    replaced_by: str | None = None
    consider: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disease:
    """One disease. `rarity` is None unless `rarity_source` says who calls it rare or common.

    `ids` are all ids that mean it, `id` first (`ml.knowledge.merging`); `n_references` counts those of HPO's rows.
    """

    id: str
    name: str
    database: str
    rarity: str | None
    rarity_source: str | None
    n_references: int
    ids: tuple[str, ...]


class Annotation(NamedTuple):
    """One row of phenotype.hpoa (format: HPO documentation, "phenotype.hpoa").

    `frequency` is the text as published; `numerator` and `denominator` are filled for frequencies "n/m" only.
    `aspect` is P (phenotype), I (inheritance), C (clinical course), M (modifier) or H (past medical history).
    """

    disease_id: str
    hpo_id: str
    aspect: str
    negated: bool
    frequency: str
    numerator: int | None
    denominator: int | None
    onset: str
    sex: str
    modifiers: str
    references: tuple[str, ...]
    evidence: str
    biocuration: str


class DisorderPhenotype(NamedTuple):
    """A phenotype of an Orphanet disorder; `frequency` is HPO's class of the same meaning."""

    hpo_id: str
    frequency: str


class Prevalence(NamedTuple):
    """What Orphanet states on how frequent a disorder is; "" where it has no data. `source` as published."""

    kind: str
    value_class: str
    region: str
    source: str


class ExternalReference(NamedTuple):
    """Another database's id, and how the Orphanet disorder stands to it: exact, broader, narrower or undecided."""

    id: str
    relation: str


@dataclass(frozen=True, slots=True)
class Disorder:
    """One entry of Orphanet's nomenclature; `id` is the reference of every statement in it."""

    id: str
    name: str
    kind: str
    synonyms: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    phenotypes: tuple[DisorderPhenotype, ...] = ()
    prevalences: tuple[Prevalence, ...] = ()
    onsets: tuple[str, ...] = ()
    inheritance: tuple[str, ...] = ()
    references: tuple[ExternalReference, ...] = ()
    genes: tuple[str, ...] = ()


class Mapping(NamedTuple):
    """`subject` stands to `object` in `relation`: exact, close, broad, narrow or related (SKOS)."""

    subject: str
    relation: str
    object: str


class DiseaseGene(NamedTuple):
    """A gene that causes or contributes to a disease; `source` names the file or the Orphanet disorder that says so."""

    disease_id: str
    gene_symbol: str
    source: str


class Translation(NamedTuple):
    """A term's label in another language; `status` as published (OFFICIAL, CANDIDATE ...)."""

    term: str
    language: str
    label: str
    status: str
