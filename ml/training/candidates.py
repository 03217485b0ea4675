"""Which diseases stand in the list, and the rows of those that HPO's annotations do not describe."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from ml.features.encode import AGE_EDGES
from ml.features.evidence import FREQUENCY_CLASSES
from ml.knowledge import Knowledge
from ml.knowledge.common import CommonDisease
from ml.knowledge.merging import PRIMARY, database_of
from ml.serving.age import years_of
from ml.serving.vocabulary import Vocabulary
from ml.training.orphanet import match_disorders

# Orphanet's kinds of entries that are diseases of a patient; groups and subtypes of what is listed already are not
DISORDER_KINDS = frozenset(
    {
        "Disease", "Malformation syndrome", "Morphological anomaly", "Biological anomaly", "Clinical syndrome",
        "Particular clinical situation in a disease or syndrome",
    }
)  # fmt: skip
# what a row that nobody has seen in its source weighs, against one that was
UNVERIFIED_WEIGHT = 0.5
# how many published onsets an age profile stands for: with 20, some 8 % of patients fall ill outside of it
ONSET_OBSERVATIONS = 20.0
_RATIO = re.compile(r"(\d+)/(\d+)")
_ASPECTS = ("P", "C")
# one class of onset of HPO for each interval of `AGE_EDGES`
_ONSET_OF_INTERVAL = (
    "HP:0003623", "HP:0003593", "HP:0011463", "HP:0003621", "HP:0011462", "HP:0003596", "HP:0003584",
)  # fmt: skip


class Row(NamedTuple):
    """One statement about a candidate, as `TableBuilder.add` takes it; `term` is a live term."""

    disease: str
    term: str
    aspect: str
    negated: bool = False
    frequency: str = ""
    numerator: int | None = None
    denominator: int | None = None
    onset: str = ""
    sex: str = ""
    references: tuple[str, ...] = ()
    share: float = 1.0
    verified: bool = True


def candidate_ids(knowledge: Knowledge, diseases: Iterable[str]) -> dict[str, int]:
    """Every id that means one of the candidates -> the candidate's number."""
    numbers = {identity: number for number, identity in enumerate(diseases)}
    return {
        identity: numbers[disease.id]
        for disease in knowledge.diseases
        if disease.id in numbers
        for identity in disease.ids
    } | numbers


def candidate_rows(knowledge: Knowledge, vocabulary: Vocabulary) -> tuple[list[str], list[Row]]:
    """(candidates in order, their own rows).

    Candidates are the entries of OMIM and DECIPHER that HPO describes with a phenotype that is not negated, our set of
    common diseases, and where Orphanet's disorders are loaded, those (no groups, no subtypes) with phenotypes that no
    other candidate stands for by any mapping; and what training cases have (`ml.training.diagnosed`), with rows or not.
    """
    rows = list(_published(knowledge, vocabulary))
    canonical = {identity: disease.id for disease in knowledge.diseases for identity in disease.ids}
    rows += [
        row for disease in knowledge.common for row in _common(disease, canonical[disease.id], vocabulary)
    ]
    described = _with_phenotype(rows, vocabulary)
    rows += [
        row
        for row in _orphanet_only(knowledge, vocabulary, described)
        if canonical.get(row.disease) == row.disease
    ]
    chosen = _with_phenotype(rows, vocabulary) | set(knowledge.diagnosed)
    return sorted(chosen), [row for row in rows if row.disease in chosen]


def _with_phenotype(rows: Iterable[Row], vocabulary: Vocabulary) -> set[str]:
    return {row.disease for row in rows if not row.negated and vocabulary.is_phenotype(row.term)}


def _published(knowledge: Knowledge, vocabulary: Vocabulary) -> Iterator[Row]:
    for row in knowledge.annotations:
        if database_of(row.disease_id) in PRIMARY and row.aspect in _ASPECTS:
            term = vocabulary.current(row.hpo_id)
            if term is not None:
                yield Row(
                    row.disease_id, term, row.aspect, row.negated, row.frequency, row.numerator,
                    row.denominator, row.onset, row.sex, row.references,
                )  # fmt: skip


def _common(disease: CommonDisease, identity: str, vocabulary: Vocabulary) -> Iterator[Row]:
    sex = disease.sex_profile.removesuffix(" only") if disease.sex_profile.endswith(" only") else ""
    for finding in disease.findings:
        term = vocabulary.current(finding.hpo_id)
        if term is not None:
            ratio = _RATIO.fullmatch(finding.frequency)
            yield Row(
                identity, term, "P", False, finding.frequency, int(ratio[1]) if ratio else None,
                int(ratio[2]) if ratio else None, "", sex, finding.references,
                1.0 if finding.verified else UNVERIFIED_WEIGHT, finding.verified,
            )  # fmt: skip
    onsets = onset_terms(disease.age_profile)
    for onset in onsets:
        if (term := vocabulary.current(onset)) is not None:
            share = ONSET_OBSERVATIONS / len(onsets)
            yield Row(identity, term, "C", sex=sex, references=(disease.age_reference,), share=share)


def onset_terms(profile: str) -> Sequence[str]:
    """HPO's classes of onset for an age profile: those named, or one for each interval of ages that it meets."""
    if "/" not in profile:
        return [term for term in profile.split(";") if term]
    start, end = (years_of(text) if text else None for text in profile.split("/"))
    edges = (0.0, *AGE_EDGES, float("inf"))
    return [
        term
        for term, low, high in zip(_ONSET_OF_INTERVAL, edges, edges[1:], strict=False)
        if high > (start or 0.0) and (end is None or low < end)
    ]


def _orphanet_only(knowledge: Knowledge, vocabulary: Vocabulary, others: Collection[str]) -> Iterator[Row]:
    matches = match_disorders(knowledge, sorted(others))
    stood_for = {d for kind in (matches.exact, matches.inexact) for ids in kind.values() for d in ids}
    for disorder in knowledge.disorders:
        if disorder.kind in DISORDER_KINDS and disorder.id not in stood_for:
            for phenotype in disorder.phenotypes:
                term = vocabulary.current(phenotype.hpo_id)
                if term is not None and FREQUENCY_CLASSES[phenotype.frequency] > 0:
                    yield Row(
                        disorder.id, term, "P", frequency=phenotype.frequency, references=(disorder.id,)
                    )
