"""The three kinds of records of a knowledge folder."""

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
    """One disease. `rarity` is None unless `rarity_source` says who calls it rare or common."""

    id: str
    name: str
    database: str
    rarity: str | None
    rarity_source: str | None
    n_references: int


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
