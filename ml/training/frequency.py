"""How many people per 100,000 come down with a disease in a year: what the prevalence prior is made of.

A diagnosis is asked for when an illness is new, so figures are made comparable by one convention (docs/adr/0017): new
patients a year. An annual incidence is taken as it is, a point or 12-month prevalence is divided by `DURATION_YEARS`,
a lifetime or birth prevalence by `LIFETIME_YEARS`. Where no figure is known a default stands in, which is an assumption
and marked so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.features.evidence import FloatArray
from ml.knowledge import Knowledge
from ml.knowledge.common import CommonDisease
from ml.knowledge.model import Disorder, Prevalence
from ml.serving.priors import PriorBasis

LIFETIME_YEARS = 80.0
# how long an illness lasts that is counted by how many have it; an assumption
DURATION_YEARS = 10.0
_YEARS = {
    "lifetime": LIFETIME_YEARS,
    "lifetime prevalence": LIFETIME_YEARS,
    "prevalence at birth": LIFETIME_YEARS,
    "point": DURATION_YEARS,
    "point prevalence": DURATION_YEARS,
    "12-month": DURATION_YEARS,
    "annual incidence": 1.0,
}
# Orphanet's classes, people per 100,000: geometric middle of each; the open ones half a decade from their bound
CLASSES = {
    ">1 / 1000": 316.0,
    "6-9 / 10 000": 73.0,
    "1-5 / 10 000": 22.0,
    "1-9 / 100 000": 3.0,
    "1-9 / 1 000 000": 0.3,
    "<1 / 1 000 000": 0.03,
}
_KINDS = ("Point prevalence", "Prevalence at birth", "Annual incidence", "Lifetime Prevalence")
_REGIONS = ("Worldwide", "Europe")
# a common condition without a figure, new patients per 100,000 a year: the median of the set's figures (docs/adr/0017)
COMMON_DEFAULT = 100.0
# a rare disease without a figure: RARE_DEFAULT * (1 + references) ** RARE_SLOPE. The default gives the average disease
# of OMIM what the line through Orphanet's figures does; with the slope of 2 and a weight of one half, such diseases
# stand to each other as under the literature prior
RARE_DEFAULT = 0.0008
RARE_SLOPE = 2.0
# the log of a figure enters the score with this weight, chosen on simulated patients (docs/adr/0017)
PREVALENCE_WEIGHT = 0.5
_ASSUMED = "no figure was found; an assumption of Hoofbeat"


@dataclass(frozen=True)
class Frequencies:
    """`per_100000` [diseases], and what each rests on."""

    per_100000: FloatArray
    basis: tuple[PriorBasis, ...]


def frequencies(knowledge: Knowledge, diseases: Sequence[str], n_references: FloatArray) -> Frequencies:
    """A figure for every candidate: of the common set, of Orphanet's exact entry, of an inexact one, or a default."""
    common = {disease.id: disease for disease in knowledge.common}
    disorders = {disorder.id: disorder for disorder in knowledge.disorders}
    ids = {disease.id: disease.ids for disease in knowledge.diseases}
    found = []
    for identity, references in zip(diseases, n_references.tolist(), strict=True):
        same = ids.get(identity, (identity,))
        condition = next((common[i] for i in same if i in common), None)
        basis = _of_common(condition) if condition is not None else None
        if basis is None:
            basis = _of_orphanet(disorders[i] for i in same if i in disorders)
        if basis is None:
            basis = _assumed(condition is not None, references)
        found.append(basis)
    return Frequencies(np.array([b.per_100000 for b in found], float), tuple(found))


def _of_common(disease: CommonDisease) -> PriorBasis | None:
    if disease.per_100000 is None:
        return None
    figure = disease.per_100000 / _YEARS[disease.prevalence_kind]
    return PriorBasis(
        disease.prevalence, disease.prevalence_kind, disease.prevalence_reference, figure, False
    )


def _of_orphanet(disorders: Iterable[Disorder]) -> PriorBasis | None:
    """The first by kind, then region: worldwide, Europe, elsewhere; the larger class where two say different."""
    stated = [(p, d.id) for d in disorders for p in d.prevalences if p.value_class and p.kind in _KINDS]
    if not stated:
        return None
    best, disorder = min(stated, key=lambda item: (*_preference(item[0]), item[1]))
    figure = CLASSES[best.value_class] / _YEARS[best.kind.lower()]
    source = f"{disorder}, {best.region or 'no region'}: {best.source}"
    return PriorBasis(best.value_class, best.kind.lower(), source, figure, False)


def _preference(stated: Prevalence) -> tuple[int, int, float]:
    region = _REGIONS.index(stated.region) if stated.region in _REGIONS else len(_REGIONS)
    return _KINDS.index(stated.kind), region, -CLASSES[stated.value_class]


def _assumed(is_common: bool, n_references: float) -> PriorBasis:
    if is_common:
        return PriorBasis("", "default for a common condition", _ASSUMED, COMMON_DEFAULT, True)
    figure = RARE_DEFAULT * (1.0 + n_references) ** RARE_SLOPE
    return PriorBasis("", "default for a disease that is not called common", _ASSUMED, figure, True)


def as_texts(basis: Sequence[PriorBasis]) -> tuple[dict[str, FloatArray], dict[str, tuple[str, ...]]]:
    """(numbers of texts per disease, the texts) of values, kinds and sources."""
    arrays: dict[str, FloatArray] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for name in ("value", "kind", "source"):
        numbers: Mapping[str, int] = {
            text: k for k, text in enumerate(sorted({getattr(b, name) for b in basis}))
        }
        arrays[name] = np.array([numbers[getattr(b, name)] for b in basis], np.int32)
        texts[name] = tuple(numbers)
    return arrays, texts
