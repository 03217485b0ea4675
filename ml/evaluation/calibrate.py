"""`python -m ml calibrate`: fits `ml/training/trust.json` on published cases."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ml.data.records import read_cases
from ml.evaluation.calibration import (
    NONE_SHARE,
    FitCases,
    ListedCase,
    expected_calibration_error,
    fit_reliability,
    listed_case,
)
from ml.evaluation.protocols import LeavePublicationOut, ScoredInParts
from ml.evaluation.thresholds import pair_limits, set_limits, sufficiency_limits
from ml.features.cases import CaseTable
from ml.features.findings import scored_findings
from ml.features.withhold import withhold
from ml.knowledge import read_knowledge
from ml.serving.pairs import scored_pairs
from ml.training.candidates import candidate_ids
from ml.training.data import annotation_table, case_table, patients_of, vocabulary_of
from ml.training.diagnosed import with_diagnoses
from ml.training.parameters import new_ranker, read_parameters
from ml.training.profiles import Evidence
from ml.training.ranker import PhenotypeRanker
from ml.training.trust import kinds_of

# with more, the model of a fold knows nearly as many cases as that of all
N_FOLDS = 10
_SEED = 20261123
# of cases with a random part of their findings
_PARTS, _MOST_OF_A_PART, _WEIGHT_OF_A_PART = 0.3, 8, 0.3
# of cases whose diagnosis is taken out of the candidates
_LEFT_OUT = 0.2
_PAIRS = 0.3
_OF_A_PUBLICATION = 4

Say = Callable[[str], None]


def calibrate(
    knowledge_folders: Sequence[Path], case_files: Sequence[Path], say: Say = lambda _: None
) -> dict[str, Any]:
    """New trust: for each knowledge folder one set without and one with cases.

    Without cases: every case is scored with its own publications removed. With cases: in five folds of publications,
    trained on the other folds and without the fold's publications. Every publication weighs alike. Raises
    KnowledgeError and CaseFileError.
    """
    sets = []
    records = [record for path in case_files for record in read_cases(path)]
    for folder in knowledge_folders:
        for with_cases in (False, True):
            knowledge = read_knowledge(folder)
            if with_cases:
                knowledge = with_diagnoses(knowledge, records, frozenset())
            vocabulary = vocabulary_of(knowledge.terms)
            table = annotation_table(knowledge, vocabulary)
            cases = case_table(records, vocabulary, candidate_ids(knowledge, table.diseases)).table
            evidence = Evidence(vocabulary.graph, table)
            say(f"{folder.name}: scoring {len(cases):,} cases, {'with' if with_cases else 'without'} others")
            scored = _in_folds if with_cases else _without_own_publication
            sources = sorted(kinds_of(source["name"] for source in knowledge.manifest["sources"]))
            fitted = _Collected(cases, evidence).fit(scored, say)
            fitted["calibration"]["knowledge_version"] = knowledge.version
            sets.append({"sources": sources, "with_cases": with_cases} | fitted)
    return {"provenance": _provenance(case_files), "sets": sets}


def _provenance(case_files: Sequence[Path]) -> dict[str, Any]:
    # no date: the same command makes the same bytes
    return {
        "method": "docs/adr/0020-asking-next.md, 0021-two-diseases.md, 0022-calibration-and-sets.md",
        "command": "python -m ml calibrate --knowledge WHEEL ALL --cases "
        + " ".join(path.name for path in case_files)
        + " --out ml/training/trust.json",
        "data": [
            {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for path in case_files
            if path.is_file()
        ],
    }


class _Collected:
    """Goes through all cases, with all and with some of their findings, and keeps what fitting needs."""

    def __init__(self, cases: CaseTable, evidence: Evidence) -> None:
        self._random = np.random.default_rng(_SEED)
        self._whole = cases
        self._evidence = evidence
        sample = _some_of_each_publication(cases, self._random)
        self._n = len(sample)
        self.cases = _with_parts(sample, self._random)
        groups = [";".join(publications) for publications in self.cases.publications]
        _, group = np.unique(np.array(groups), return_inverse=True)
        whole = np.arange(len(self.cases)) < self._n
        size = np.bincount(group[whole], minlength=int(group.max()) + 1)
        self._weight = np.where(whole, 1.0, _WEIGHT_OF_A_PART / _PARTS) / np.maximum(size[group], 1)

    def fit(self, scored: "Scoring", say: Say) -> dict[str, Any]:
        """One set of trust."""
        listed: list[ListedCase] = []
        weights: list[float] = []
        whole: list[bool] = []
        observed: list[tuple[float, float, float, float, bool, bool, float]] = []
        pairs: list[tuple[int, float, float]] = []
        for one, ranker in tqdm(scored(self._whole, self.cases, self._evidence), total=len(self.cases), unit="case",
                                leave=False, disable=None):  # fmt: skip
            weight, is_whole = float(self._weight[one.case]), one.case < self._n
            disease = int(self.cases.disease[one.case])
            truth = None if disease < 0 or disease in one.emptied else disease
            listed.append(listed_case(one.scores, truth, one.seen))
            weights.append(weight)
            whole.append(is_whole)
            if truth is not None and self._random.random() < _LEFT_OUT:
                listed.append(self._left_out(one, truth, ranker))
                weights.append(weight / _LEFT_OUT)
                whole.append(False)
            counted = scored_findings(self._evidence.graph, self.cases.present[one.case], ())[0]
            hit = truth is not None and int((one.scores > one.scores[truth]).sum()) < 10
            most = float(ranker.information_[list(counted)].max()) if counted else 0.0
            observed.append(
                (one.seen.information, most, one.seen.explained, float(hit), disease >= 0, is_whole, weight)
            )
            if is_whole and truth is not None and self._random.random() < _PAIRS:
                found = scored_pairs(one.contribution, one.base)
                pairs.append((len(counted), found[0].gain if found else 0.0, weight))
        fit_cases, fit_weights = FitCases(listed), np.array(weights)
        reliability = fit_reliability(fit_cases, fit_weights)
        columns = [np.array(column) for column in zip(*observed, strict=True)]
        result = {
            "reliability": {
                "scale": reliability.scale, "power": reliability.power,
                "evidence": list(reliability.evidence), "none": list(reliability.none or ()),
                "none_evidence": list(reliability.none_evidence),
            },
            "sets": set_limits(fit_cases, fit_weights * np.array(whole), reliability),
            "sufficiency": sufficiency_limits(*columns),
            "pairs": pair_limits(*zip(*pairs, strict=True)) if pairs else pair_limits((), (), ()),
            "calibration": {
                "calibrated": True,
                "method": "softmax of the score, its temperature by findings and evidence; none of these logistic; "
                f"fitted by maximum likelihood, {NONE_SHARE:.0%} of patients assumed not to be described",
                "n_cases": self._n,
                "n_publications": len(set(self.cases.publications)),
                "ece_of_the_cases_fitted_on": self._ece(listed, weights, reliability),
            },
        }  # fmt: skip
        say(f"  {result['reliability']}, {result['sufficiency']}")
        return result

    def _left_out(self, one: ScoredInParts, truth: int, ranker: PhenotypeRanker) -> ListedCase:
        """The same list if nobody had described the diagnosis."""
        keep = np.arange(len(one.scores)) != truth
        scores = one.scores[keep]
        rest = one.contribution[:, keep]
        explained = float(rest.sum(axis=0).max()) if len(rest) else 0.0
        first = int(ranker.evidence_class_[keep][scores.argmax()])
        return listed_case(scores, None, replace(one.seen, explained=explained, evidence=first))

    def _ece(self, listed: Sequence[ListedCase], weights: Sequence[float], reliability: Any) -> float | None:
        described = [case for case in listed if case.truth is not None]
        first, _ = FitCases(described).conditional(reliability)
        none = np.array([reliability.none_of_these(case.seen) for case in described])
        correct = np.array([case.truth == 0 for case in described])
        return expected_calibration_error(first * (1 - none), correct)


# (cases as they are, the same and parts of them, knowledge) -> each of the second scored, and by which ranker
Scoring = Callable[[CaseTable, CaseTable, Evidence], Iterator[tuple[ScoredInParts, PhenotypeRanker]]]


def _some_of_each_publication(cases: CaseTable, random: np.random.Generator) -> CaseTable:
    # publications weigh alike, so the hundredth case of one tells little
    taken: dict[tuple[str, ...], int] = {}
    chosen = []
    for case in random.permutation(len(cases)).tolist():
        publications = cases.publications[case]
        taken[publications] = taken.get(publications, 0) + 1
        if taken[publications] <= _OF_A_PUBLICATION:
            chosen.append(case)
    return cases.take(sorted(chosen))


def _with_parts(cases: CaseTable, random: np.random.Generator) -> CaseTable:
    """The cases, and after them some again with a random part of their present findings and no absent ones."""
    chosen = np.flatnonzero(random.random(len(cases)) < _PARTS).tolist()
    parts = []
    for case in chosen:
        present = cases.present[case]
        size = int(random.integers(0, min(len(present), _MOST_OF_A_PART) + 1))
        parts.append(tuple(sorted(random.choice(present, size, replace=False).tolist())) if size else ())
    again = list(range(len(cases))) + chosen
    both = cases.take(again)
    absent = (*both.absent[: len(cases)], *(((),) * len(chosen)))
    return replace(both, present=(*both.present[: len(cases)], *parts), absent=absent)


def _without_own_publication(
    whole: CaseTable, cases: CaseTable, evidence: Evidence
) -> Iterator[tuple[ScoredInParts, PhenotypeRanker]]:
    ranker = new_ranker(read_parameters()).fit(evidence)
    patients = patients_of(whole, evidence.graph, evidence.table)
    for one in LeavePublicationOut(ranker, patients).score(cases):
        yield one, ranker


def _in_folds(
    whole: CaseTable, cases: CaseTable, evidence: Evidence
) -> Iterator[tuple[ScoredInParts, PhenotypeRanker]]:
    patients = patients_of(whole, evidence.graph, evidence.table)
    groups = [";".join(publications) for publications in cases.publications]
    order = np.random.default_rng(_SEED).permutation(sorted(set(groups))).tolist()
    fold_of = {group: fold % N_FOLDS for fold, group in enumerate(order)}
    fold = np.array([fold_of[group] for group in groups])
    for number in range(min(N_FOLDS, len(order))):
        held = cases.take(np.flatnonzero(fold == number).tolist())
        publications = {p for of_case in held.publications for p in of_case}
        training = whole.take(
            case
            for case in np.flatnonzero(whole.disease >= 0).tolist()
            if publications.isdisjoint(whole.publications[case])
        )
        table = withhold(evidence.table, publications, patients)
        ranker = new_ranker(read_parameters()).fit(Evidence(evidence.graph, table, training))
        numbers = np.flatnonzero(fold == number)
        emptied = frozenset(
            np.flatnonzero(np.diff(ranker.profiles_.profiles_.frequency.indptr) == 0).tolist()
        )
        for one in LeavePublicationOut(ranker, patients).score(held):
            yield replace(one, case=int(numbers[one.case]), emptied=emptied), ranker
