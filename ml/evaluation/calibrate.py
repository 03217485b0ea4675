"""`python -m ml calibrate`: fits the temperatures of `ml/training/parameters.json` on published cases."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ml.evaluation.calibration import (
    NOISE,
    RankedScores,
    expected_calibration_error,
    fit_temperature,
    ranked_scores,
    top_confidence,
)
from ml.evaluation.protocols import LeavePublicationOut
from ml.features.cases import CaseTable
from ml.features.findings import scored_findings
from ml.features.withhold import withhold
from ml.knowledge import read_knowledge
from ml.training.candidates import candidate_ids
from ml.training.data import annotation_table, load_cases, patients_of, vocabulary_of
from ml.training.parameters import new_ranker, read_parameters
from ml.training.profiles import Evidence

N_FOLDS = 5


def calibrate(
    knowledge_folder: Path, case_files: Sequence[Path], say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """New parameters: those that ship, with both temperatures fitted on some cases.

    Without cases: every case is scored with its own publications removed. With cases: in five folds of publications,
    trained on the other folds and without the fold's publications. Raises KnowledgeError and CaseFileError.
    """
    knowledge = read_knowledge(knowledge_folder)
    vocabulary = vocabulary_of(knowledge.terms)
    table = annotation_table(knowledge, vocabulary)
    loaded = load_cases(case_files, vocabulary, candidate_ids(knowledge, table.diseases))
    cases = loaded.table.take(np.flatnonzero(loaded.table.disease >= 0).tolist())
    evidence = Evidence(vocabulary.graph, table)
    parameters = read_parameters()
    fitted: dict[str, list[RankedScores]] = {}
    say(f"scoring {len(cases):,} cases without their own publications")
    fitted["temperature"] = _without_own_publication(parameters, evidence, cases)
    say(f"scoring them in {N_FOLDS} folds of publications, trained on the other folds")
    fitted["temperature_with_cases"] = _in_folds(parameters, evidence, cases)
    calibration: dict[str, Any] = {
        "method": (
            "softmax(score / (scale * findings ** power)), most probable diagnoses (maximum likelihood) with "
            f"{NOISE:.0%} of them assumed not to be described"
        ),
        "command": "python -m ml calibrate --knowledge DIR --cases "
        + " ".join(path.name for path in case_files),
        "knowledge_version": knowledge.version,
        "data": [
            {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for path in case_files
            if path.is_file()
        ],
        "n_cases": len(cases),
    }
    for name, scores in fitted.items():
        temperature = fit_temperature(scores)
        parameters[name] = list(temperature)
        ece = expected_calibration_error(*top_confidence(scores, temperature))
        calibration[name] = {"n": len(scores), "ece_of_the_cases_fitted_on": ece}
        say(f"{name}: {temperature}, ECE {ece:.3f} on the cases that it was fitted on")
    return parameters | {"calibration": calibration}


def _without_own_publication(
    parameters: dict[str, Any], evidence: Evidence, cases: CaseTable
) -> list[RankedScores]:
    ranker = new_ranker(parameters).fit(evidence)
    patients = patients_of(cases, evidence.graph, evidence.table)
    scores = []
    scored = LeavePublicationOut(ranker, patients).score(cases)
    for one in tqdm(scored, total=len(cases), unit="case", leave=False, disable=None):
        disease = int(cases.disease[one.case])
        truth = None if disease in one.emptied else disease
        scores.append(ranked_scores(one.scores, truth, _n_findings(evidence, cases, one.case)))
    return scores


def _in_folds(parameters: dict[str, Any], evidence: Evidence, cases: CaseTable) -> list[RankedScores]:
    patients = patients_of(cases, evidence.graph, evidence.table)
    groups = [";".join(publications) for publications in cases.publications]
    fold_of = {
        group: fold % N_FOLDS
        for fold, group in enumerate(
            np.random.default_rng(20261123).permutation(sorted(set(groups))).tolist()
        )
    }
    fold = np.array([fold_of[group] for group in groups])
    scores = []
    for number in tqdm(range(N_FOLDS), unit="fold", leave=False, disable=None):
        held, rest = (np.flatnonzero(choice).tolist() for choice in (fold == number, fold != number))
        publications = {p for case in held for p in cases.publications[case]}
        training = cases.take(case for case in rest if publications.isdisjoint(cases.publications[case]))
        table = withhold(evidence.table, publications, patients)
        ranker = new_ranker(parameters).fit(Evidence(evidence.graph, table, training))
        for case in held:
            row = cases.take([case]).encode(len(evidence.graph))
            result = ranker.decision_function(row)[0]
            n_findings = _n_findings(evidence, cases, case)
            scores.append(ranked_scores(result, int(cases.disease[case]), n_findings))
    return scores


def _n_findings(evidence: Evidence, cases: CaseTable, case: int) -> int:
    # a case without any present finding has the temperature of one, as in `PhenotypeRanker.temperature_of`
    return max(1, len(scored_findings(evidence.graph, cases.present[case], ())[0]))


def write_parameters(parameters: dict[str, Any], path: Path) -> None:
    """Write parameters as JSON."""
    path.write_text(json.dumps(parameters, indent=1) + "\n", encoding="utf-8")
