"""Why a disease has its score: per finding, with the published statement behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.features.cases import CaseTable
from ml.features.evidence import FREQUENCY_CLASSES, OWN, AnnotationTable, SiblingGroup
from ml.serving.about import About, AboutTable
from ml.serving.learned import STATES, LearnedFeatures
from ml.serving.neighbours import SimilarCase, similar_cases
from ml.serving.priors import Prior
from ml.serving.query import Query
from ml.serving.vocabulary import PHENOTYPIC_ABNORMALITY, Vocabulary

MOST_EXPECTED = 10
# a finding is worth asking about when at least every third patient with the disease has it
EXPECTED_FROM = 1 / 3
_MOST_FREQUENCIES = 3
# stands where the disease has no row of its own, and the mean over diseases of the same Orphanet disorder counts
FROM_SIBLINGS = "mean of related diseases"

_CLASS_NAMES = {
    "HP:0040280": "Obligate (100 %)",
    "HP:0040281": "Very frequent (80-99 %)",
    "HP:0040282": "Frequent (30-79 %)",
    "HP:0040283": "Occasional (5-29 %)",
    "HP:0040284": "Very rare (1-4 %)",
    "HP:0040285": "Excluded (0 %)",
}


class UnknownDisease(KeyError):
    """The id is no candidate of this model."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one finding adds to the score (natural logarithm units; above 0 speaks for the disease).

    `matched` is the term through which the disease is known to have the finding: the finding itself (exact), or the
    nearest more general term; None when only the root of all phenotypes is shared. `frequency` and `references` are
    those of the published rows for `matched`, or for its subtype `annotated` where the disease is annotated with
    that; `verified` is False where nobody has seen any of these statements in its source. A finding that a more
    specific one implies adds 0.
    """

    finding: str
    label: str
    state: str
    weight: float
    matched: str | None
    matched_label: str | None
    annotated: str | None
    annotated_label: str | None
    frequency: str | None
    references: tuple[str, ...]
    verified: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """A finding that patients with the disease often have and that nobody mentioned; `probability` is smoothed.

    `verified`: as in `Contribution`.
    """

    finding: str
    label: str
    probability: float
    frequency: str | None
    references: tuple[str, ...]
    verified: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """`base` plus the weights of all contributions is `score`; `nearest_cases` of the disease, most similar first.

    `about` is what does not depend on the patient.
    """

    disease_id: str
    name: str
    score: float
    base: float
    contributions: tuple[Contribution, ...]
    expected_not_asked: tuple[Expected, ...]
    nearest_cases: tuple[SimilarCase, ...]
    about: About


class Explainer:
    """Answers "why" for one model; `run` evaluates outputs of its graph."""

    def __init__(
        self, vocabulary: Vocabulary, candidates: Mapping[str, str], table: AnnotationTable,
        profiles: Mapping[str, NDArray[Any]], cases: CaseTable | None,
        run: Callable[..., list[NDArray[Any]]], about: AboutTable,
    ) -> None:  # fmt: skip
        self._vocabulary = vocabulary
        self._names = candidates
        self._ids = tuple(candidates)
        self.table = table
        self._profiles = profiles
        self._cases = cases
        self._information = np.maximum(-np.log(profiles["background"]), 0.0)
        self._share = float(profiles["share"])
        self._floor = float(profiles["floor"])
        self._run = run
        self._about = about
        self._learned = LearnedFeatures(profiles) if "learned_term" in profiles else None
        self._root = vocabulary.graph.index[PHENOTYPIC_ABNORMALITY]
        # sorting the rows by disease takes a while; not while somebody waits
        _ = table.rows_of_disease, table.sibling_group
        self._term_of = np.array([vocabulary.graph.index.get(t, -1) for t in table.terms] or [-1], np.int64)

    def explain(self, query: Query, disease: int, prior: Prior) -> Explanation:
        """Contributions of every finding of the query to a candidate's score, largest first."""
        weights, score, nearest = self._weights(query, disease, prior)
        rows = _Rows(self, disease)
        contributions = [
            self._contribution(rows, identity, state, weights.get((state, identity), 0.0))
            for state, identities in self._mentioned(query)
            for identity in identities
        ]
        contributions.sort(key=lambda c: -abs(c.weight))
        base = score - sum(c.weight for c in contributions)
        return Explanation(
            self._ids[disease],
            self._names[self._ids[disease]],
            score,
            base,
            tuple(contributions),
            self._expected(rows, query),
            nearest,
            self._about.of(disease),
        )

    @property
    def weighs_uncertain(self) -> bool:
        """Whether anything was learned of uncertain findings."""
        return self._learned is not None

    def _mentioned(self, query: Query) -> tuple[tuple[str, tuple[str, ...]], ...]:
        # only what many cases teach makes anything of an uncertain finding
        uncertain = query.uncertain if self.weighs_uncertain else ()
        return tuple(zip(STATES, (query.present, query.absent, uncertain), strict=True))

    def _weights(
        self, query: Query, disease: int, prior: Prior
    ) -> tuple[dict[tuple[str, str], float], float, tuple[SimilarCase, ...]]:
        score, present, factor, absent, owner, of, value, similarity = self._run(
            query, "score", "present_term", "present_factor", "absent_term", "absent_owner",
            "absent_disease", "absent_value", "case_similarity", prior=prior,
        )  # fmt: skip
        ids = self._vocabulary.graph.ids
        contribution = np.log(factor[:, disease].astype(np.float64))
        weights = {
            ("present", ids[t]): w for t, w in zip(present.tolist(), contribution.tolist(), strict=True)
        }
        for k in np.flatnonzero(of == disease):
            weights[("absent", ids[absent[owner[k]]])] = float(value[k])
        for term, weight in self._case_weights(present.tolist(), similarity, disease).items():
            weights[("present", ids[term])] += weight
        if self._learned is not None:
            weights = {key: self._learned.knowledge_weight * weight for key, weight in weights.items()}
            feature, learned = self._run(query, "learned_feature", "learned_contribution", prior=prior)
            for term, state, weight in self._learned.shares(feature, learned[:, disease]):
                key = (STATES[state], ids[term])
                weights[key] = weights.get(key, 0.0) + weight
        nearest: tuple[SimilarCase, ...] = ()
        if self._cases is not None:
            members = self._cases.of_disease(disease)
            nearest = similar_cases(
                self._vocabulary.graph, self._cases, members, present.tolist(), similarity
            )
        return weights, float(score[disease]), nearest

    def _case_weights(
        self, present: list[int], similarity: NDArray[np.float32], disease: int
    ) -> dict[int, float]:
        """What the resemblance to the nearest case of the disease adds, shared among the findings.

        Each shared term gives its part of the cosine, in equal shares to the findings that imply it.
        """
        members = () if self._cases is None else self._cases.of_disease(disease)
        if self._cases is None or not members:
            return {}
        nearest = max(members, key=lambda case: similarity[case])
        closure = self._vocabulary.graph.closure
        shared = {a for t in self._cases.present[nearest] for a in closure(t)}
        parts = dict.fromkeys(present, 0.0)
        for term in shared:
            implying = [t for t in present if term in closure(t)]
            for t in implying:
                parts[t] += float(self._information[term]) ** 2 / len(implying)
        total = sum(parts.values())
        threshold = float(self._profiles["case_threshold"])
        added = float(self._profiles["case_weight"]) * max(0.0, float(similarity[nearest]) - threshold)
        return {t: added * part / total for t, part in parts.items()} if total > 0 else {}

    def _contribution(self, rows: "_Rows", identity: str, state: str, weight: float) -> Contribution:
        label = self._vocabulary.label
        term = self._vocabulary.graph.index[identity]
        matched = rows.nearest(term) if state == "present" else (term if rows.frequency(term) > 0 else None)
        if matched is None or matched == self._root:
            return Contribution(
                identity, label(identity), state, weight, None, None, None, None, None, (), True
            )
        matched_id = self._vocabulary.graph.ids[matched]
        source = rows.source(matched)
        if source is None:  # known from training cases only
            return Contribution(
                identity,
                label(identity),
                state,
                weight,
                matched_id,
                label(matched_id),
                None,
                None,
                None,
                (),
                True,
            )
        annotated, frequency, references, verified = source
        annotated_id = self._vocabulary.graph.ids[annotated]
        return Contribution(
            identity, label(identity), state, weight, matched_id, label(matched_id), annotated_id,
            label(annotated_id), frequency, references, verified,
        )  # fmt: skip

    def _expected(self, rows: "_Rows", query: Query) -> tuple[Expected, ...]:
        graph = self._vocabulary.graph
        present = {graph.index[f] for f in query.present}
        absent = {graph.index[f] for f in query.absent}
        implied = {a for t in present for a in graph.closure(t)}
        candidates = []
        for term in rows.annotated:
            probability = rows.frequency(term)
            if probability < EXPECTED_FROM or term in implied or not absent.isdisjoint(graph.closure(term)):
                continue
            ratio = probability / rows.background(term)
            telling = probability * float(np.log(self._floor + (1 - self._floor) * ratio))
            candidates.append((-telling, term, probability))
        expected = []
        for _, term, probability in sorted(candidates)[:MOST_EXPECTED]:
            source = rows.source(term)
            frequency, references, verified = source[1:] if source else (None, (), True)
            identity = graph.ids[term]
            expected.append(
                Expected(
                    identity, self._vocabulary.label(identity), probability, frequency, references, verified
                )
            )
        return tuple(expected)


class _Rows:
    """What is known of one disease, for the length of one explanation."""

    def __init__(self, explainer: Explainer, disease: int) -> None:
        self._graph = explainer._vocabulary.graph
        self._table = explainer.table
        self._term_of = explainer._term_of
        self._disease = disease
        self._share = explainer._share
        profiles = explainer._profiles
        part = slice(profiles["start"][disease], profiles["start"][disease + 1])
        self._frequency = dict(
            zip(profiles["term"][part].tolist(), profiles["frequency"][part].tolist(), strict=True)
        )
        self._background = profiles["background"]
        self._rows: dict[int, list[int]] = {}
        for row in self._table.rows_of(disease).tolist():
            term = int(explainer._term_of[self._table.columns["term"][row]])
            if term >= 0 and not self._table.columns["negated"][row]:
                self._rows.setdefault(term, []).append(row)

    @property
    def annotated(self) -> list[int]:
        """Terms with a published row, ascending."""
        return sorted(self._rows)

    def frequency(self, term: int) -> float:
        """P(term or a subtype | disease); 0 where nothing is known."""
        return float(self._frequency.get(term, 0.0))

    def background(self, term: int) -> float:
        """Mean of `frequency` over all diseases."""
        return float(self._background[term])

    def nearest(self, term: int) -> int | None:
        """The term or ancestor that gives the largest ratio: the one that the score is made with."""
        best, best_ratio = None, 0.0
        closure = self._graph.closure(term).items()
        known = [(ancestor, steps) for ancestor, steps in closure if ancestor in self._frequency]
        for ancestor, steps in sorted(known, key=lambda item: item[1]):
            ratio = self._share**steps * self.frequency(ancestor) / self.background(ancestor)
            if ratio > best_ratio:
                best, best_ratio = ancestor, ratio
        return best

    def source(self, term: int) -> tuple[int, str | None, tuple[str, ...], bool] | None:
        """(annotated term, frequency as published, references, verified) behind the disease's frequency of a term."""
        below = self._below.get(term)
        if below is None:
            return self._of_siblings(term)
        annotated = max(below, key=lambda t: (self.frequency(t), t == term, -t))
        rows = self._rows[annotated]
        shown = dict.fromkeys(filter(None, (self._published(row) for row in rows)))
        references = sorted(self._table.references_of(rows))
        verified = bool(self._table.columns["verified"][rows].any())
        return annotated, "; ".join(list(shown)[:_MOST_FREQUENCIES]) or None, tuple(references), verified

    @cached_property
    def _below(self) -> dict[int, list[int]]:
        """The annotated terms that imply each term, itself among them."""
        found: dict[int, list[int]] = {}
        for annotated in self._rows:
            for term in self._graph.closure(annotated):
                found.setdefault(term, []).append(annotated)
        return found

    def _of_siblings(self, term: int) -> tuple[int, str | None, tuple[str, ...], bool] | None:
        for reference, terms in self._group_terms:
            if term in terms:
                return term, FROM_SIBLINGS, (reference,), True
        return None

    @cached_property
    def _group_terms(self) -> tuple[tuple[str, frozenset[int]], ...]:
        """For each group of the disease its reference, and what is published of any other in it."""
        numbers = (int(group[self._disease]) for group in self._table.sibling_group.values())
        groups = [self._table.siblings[number] for number in numbers if number >= 0]
        return tuple((group.reference, self._terms_of(group)) for group in groups)

    def _terms_of(self, group: SiblingGroup) -> frozenset[int]:
        columns = self._table.columns
        rows = np.concatenate([self._table.rows_of(d) for d in group.diseases if d != self._disease])
        rows = rows[(columns["origin"][rows] == OWN) & (columns["negated"][rows] == 0)]
        terms = np.unique(self._term_of[columns["term"][rows]])
        return frozenset(a for t in terms.tolist() if t >= 0 for a in self._graph.closure(t))

    def _published(self, row: int) -> str:
        text = self._table.texts[self._table.columns["frequency"][row]]
        return _CLASS_NAMES[text] if text in FREQUENCY_CLASSES else text
