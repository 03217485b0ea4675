"""Scores cases as the model stands, or without what it owes to each case's own publication."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ml.features.cases import CaseTable
from ml.features.encode import SEXES
from ml.features.evidence import IntArray
from ml.features.findings import scored_findings
from ml.features.withhold import Patients, withhold, withhold_one_each
from ml.serving import Predictor
from ml.training.likelihood import Replacement
from ml.training.profiles import Evidence
from ml.training.ranker import PhenotypeRanker
from ml.training.reliability import Observed, evidence_of

FAIR_SEED = 20261123


@dataclass(frozen=True)
class Scored:
    """Scores and probabilities [diseases] of one case (its number).

    `emptied`: the diseases that cite the case's publications and have no annotation left. Nothing is known of them, so
    they stand last. `none` is the probability of none of these, `n_findings` the number of findings that count,
    `evidence` that for the first disease (index of `ml.training.reliability.EVIDENCE`).
    """

    case: int
    scores: NDArray[np.float64]
    probability: NDArray[np.float64]
    none: float
    n_findings: int
    evidence: int
    emptied: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ScoredInParts(Scored):
    """The same with what can be seen of the list, the `contribution` [findings that count, diseases] of each finding,
    and `base` [diseases], the score without findings."""

    seen: Observed = field(kw_only=True)
    contribution: NDArray[np.float32] = field(kw_only=True)
    base: NDArray[np.float64] = field(kw_only=True)


def score_raw(predictor: Predictor, cases: CaseTable, prior: str | None = None) -> Iterator[Scored]:
    """Through the served graph, as any patient."""
    for case in range(len(cases)):
        (row,) = cases.take([case]).encode(len(predictor.vocabulary.graph))
        scores, probability, none, present = predictor.run_row(
            row, "score", "probability", "none_of_these", "present_term", prior=prior
        )
        evidence = predictor.evidence_for(int(scores.argmax()))
        yield Scored(case, scores, probability, float(none[0]), len(present), evidence)


class LeavePublicationOut:
    """Scores each case with a model that never saw the case's own publications.

    For the diseases that cite them, annotation rows (`ml.features.withhold`), counts of references, onsets and
    training cases are taken out, and the background frequencies follow. With `fair`, every other disease has lost one
    random reference too. With `strict`, rows that cite other publications beside the own one go as a whole.
    `log_prior` [diseases] stands in for the literature prior, which follows the counts of references.
    """

    def __init__(
        self, ranker: PhenotypeRanker, patients: Patients, *, fair: bool = False, strict: bool = False,
        log_prior: NDArray[np.float64] | None = None,
    ) -> None:  # fmt: skip
        self._log_prior = log_prior
        self._evidence = ranker.evidence_
        self._patients = patients
        self._strict = strict
        if fair:
            evidence = self._evidence
            table = withhold_one_each(evidence.table, np.random.default_rng(FAIR_SEED))
            ranker = clone(ranker).fit(Evidence(evidence.graph, table, evidence.cases))
        self._ranker = ranker
        self._never_known = np.diff(ranker.profiles_.profiles_.frequency.indptr) == 0
        self._diseases_of_cases: dict[str, set[int]] = {}
        if self._evidence.cases is not None:
            training = self._evidence.cases
            for disease, publications in zip(training.disease.tolist(), training.publications, strict=True):
                for publication in publications:
                    self._diseases_of_cases.setdefault(publication, set()).add(disease)

    def score(self, cases: CaseTable) -> Iterator[ScoredInParts]:
        """One publication after the other."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for case, publications in enumerate(cases.publications):
            groups.setdefault(tuple(sorted(publications)), []).append(case)
        for publications, members in groups.items():
            yield from self._score_group(cases, members, frozenset(publications))

    def _score_group(
        self, cases: CaseTable, members: list[int], publications: frozenset[str]
    ) -> Iterator[ScoredInParts]:
        ranker = self._ranker
        likelihood, offset = ranker.likelihood_, ranker.offset_
        affected = self._affected(publications)
        length, by_age, by_sex = offset.length_, offset.age_, offset.sex_
        evidence_class = ranker.evidence_class_
        prior = offset.literature_ if self._log_prior is None else self._log_prior
        replacement, emptied = None, frozenset[int]()
        unknown = self._never_known.copy()
        if len(affected):
            table = withhold(
                self._evidence.table.of_diseases(affected), publications, self._patients, strict=self._strict
            )
            evidence = Evidence(self._evidence.graph, table, self._training_cases(affected, publications))
            estimator = clone(ranker.profiles).fit(evidence, others=ranker.profiles_.own_, diseases=affected)
            profiles = estimator.profiles_.take(affected)
            replacement = Replacement(affected, profiles.frequency, profiles.known)
            length, by_age, by_sex = length.copy(), by_age.copy(), by_sex.copy()
            length[affected] = offset.length(profiles)
            by_age[:, affected] = offset.age(table)[:, affected]
            by_sex[:, affected] = offset.sex(table)[:, affected]
            if self._log_prior is None:
                prior = prior.copy()
                prior[affected] = offset.literature(profiles)
            evidence_class = evidence_class.copy()
            evidence_class[affected] = evidence_of(profiles)
            unknown[affected] = np.diff(profiles.frequency.indptr) == 0
            emptied = frozenset(affected[unknown[affected]].tolist())
        scorer = likelihood.scorer(replacement)
        training = self._evidence.cases
        usable = (
            None
            if training is None
            else np.array([publications.isdisjoint(p) for p in training.publications])
        )
        for case in members:
            interval = offset.interval(cases.age_years[case])
            findings = scorer.score(cases.present[case], cases.absent[case])
            sex = SEXES.index(cases.sex[case] or "unknown")
            base = length + prior + by_age[interval] + by_sex[sex]
            scores = findings + base
            if ranker.nearest_ is not None:
                scores = scores + ranker.nearest_.score(cases.present[case], usable)
            scores[unknown] = scores.min() - 1
            counted = scored_findings(self._evidence.graph, cases.present[case], ())[0]
            seen = ranker.observed(counted, scorer, scores, evidence_class)
            contribution = np.zeros((len(counted), len(scores)), np.float32)
            for row, term in enumerate(counted):
                contribution[row] = scorer.present(term)
            probability = ranker.reliability_.probabilities(scores, seen)
            none = ranker.reliability_.none_of_these(seen)
            yield ScoredInParts(
                case, scores, probability, none, seen.n, seen.evidence, emptied,
                seen=seen, contribution=contribution, base=base,
            )  # fmt: skip

    def _affected(self, publications: Iterable[str]) -> IntArray:
        found: set[int] = set()
        for publication in publications:
            found.update(
                self._evidence.table.diseases_citing.get(publication, np.zeros(0, np.int64)).tolist()
            )
            found |= self._diseases_of_cases.get(publication, set())
        return np.array(sorted(found), np.int64)

    def _training_cases(self, diseases: IntArray, publications: frozenset[str]) -> CaseTable | None:
        cases = self._evidence.cases
        if cases is None:
            return None
        return cases.take(
            case
            for disease in diseases.tolist()
            for case in cases.of_disease(disease)
            if publications.isdisjoint(cases.publications[case])
        )
