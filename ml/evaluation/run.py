"""`python -m ml benchmark`: one protocol of BENCHMARKS on a file of phenopackets, as report and predictions."""

import datetime
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from tqdm import tqdm

from ml.evaluation.calibration import expected_calibration_error
from ml.evaluation.metrics import STRATA, publication_intervals, rank_of, stratum_of, summary
from ml.evaluation.protocols import LeavePublicationOut, Scored, score_raw
from ml.evaluation.reliance import Reliance
from ml.features.cases import CaseTable
from ml.folders import OutputError
from ml.serving import Predictor
from ml.serving.phenopacket import CaseFileError
from ml.serving.priors import DEFAULT, LITERATURE
from ml.training.data import LoadedCases, load_cases, patients_of
from ml.training.parameters import new_ranker
from ml.training.profiles import Evidence
from ml.training.ranker import PhenotypeRanker
from ml.training.train import OF_CASES

PROTOCOLS = ("raw", "leave-publication-out", "fair")
_LISTED = 100
_MOST_ERRORS = 1000


@dataclass
class _Outcomes:
    """What came out for the cases with a known disease, in the order of scoring."""

    case: list[int]
    truth: list[str]
    rank: list[float]
    confidence: list[float]
    correct: list[bool]
    emptied: int = 0
    reliance: Reliance = field(default_factory=Reliance)


def benchmark(
    model: Path,
    case_files: Sequence[Path],
    protocol: str,
    predictions: TextIO | None = None,
    say: Callable[[str], None] = lambda _: None,
    prior: str = DEFAULT,
    strata_of: Path | None = None,
) -> dict[str, Any]:
    """Rank the diagnosis of every case; returns the report and writes prediction lines.

    A hit is the candidate that any id of a diagnosis means: the id itself, or one merged with it. Strata are by the
    training cases of the model, or of the model `strata_of`: so that one without cases is measured on the same strata.

    Cases whose diagnoses are no candidates have no rank and do not enter the measures; `all_cases` counts them as
    missed. A disease that has lost every annotation stands last of all candidates. Raises CorruptArtefact and
    CaseFileError.
    """
    started = time.perf_counter()
    predictor = Predictor.load(model)
    if protocol != "raw" and predictor.manifest.raw["model"]["candidates"] == OF_CASES:
        raise CaseFileError("a closed list rests on its cases, not on publications: only raw can be measured")
    numbers = predictor.numbers
    loaded = load_cases(case_files, predictor.vocabulary, numbers)
    for error in loaded.errors:
        say(f"{error.source}, line {error.line}: {error.detail} (left out)")
    if not loaded.ids:
        raise CaseFileError("no case could be read: nothing to measure")
    outcomes = _Outcomes([], [], [], [], [])
    lines: list[str | None] = [None] * len(loaded.ids)
    scored = scored_cases(predictor, loaded, protocol, prior)
    for one in tqdm(scored, total=len(loaded.ids), unit="case", leave=False, disable=None):
        truth, rank = _record(one, loaded.truth[one.case], numbers, outcomes)
        publication = ";".join(loaded.table.publications[one.case]) or loaded.ids[one.case]
        _record_reliance(predictor, one, truth, publication, outcomes.reliance)
        if predictions is not None:
            best = np.argsort(-one.scores, kind="stable")[:_LISTED]
            ranking = [[predictor.disease_ids[i], float(one.probability[i])] for i in best]
            record = {"id": loaded.ids[one.case], "truth": truth, "rank": rank, "ranking": ranking}
            lines[one.case] = json.dumps(record) + "\n"
    if predictions is not None:
        predictions.writelines(line for line in lines if line is not None)
    stratifier = predictor if strata_of is None else Predictor.load(strata_of)
    report = _report(predictor, stratifier, loaded, outcomes) | {"protocol": protocol, "prior": prior}
    if protocol != "raw":
        report["strict"] = _strict(predictor, loaded, protocol, prior)
    report["seconds"] = round(time.perf_counter() - started, 1)
    return report


def scored_cases(
    predictor: Predictor,
    loaded: LoadedCases,
    protocol: str,
    prior: str,
    strict: bool = False,
    published: CaseTable | None = None,
) -> Iterator[Scored]:
    """Every case by one of `PROTOCOLS`, in an order of the protocol's own.

    `published`: the cases as their publications have them, where those of `loaded` were changed.
    """
    if protocol == "raw":
        return score_raw(predictor, loaded.table, prior)
    ranker = ranker_of(predictor)
    evidence = ranker.evidence_
    patients = patients_of(loaded.table if published is None else published, evidence.graph, evidence.table)
    log_prior = None if prior == LITERATURE else predictor.prior(prior).log
    left_out = LeavePublicationOut(
        ranker, patients, fair=protocol == "fair", strict=strict, log_prior=log_prior
    )
    return left_out.score(loaded.table)


def ranker_of(predictor: Predictor) -> PhenotypeRanker:
    """The estimator that a bundle was exported from, fitted again on what the bundle holds; not for a closed list."""
    evidence = Evidence(predictor.vocabulary.graph, predictor.annotations, predictor.training_cases)
    description = predictor.manifest.raw["model"]
    return new_ranker(description["parameters"], description["trust"]).fit(evidence)


def _record(
    one: Scored,
    truth: tuple[str, ...],
    numbers: Mapping[str, int],
    out: _Outcomes,
) -> tuple[str, float | None]:
    ranks = {identity: rank_of(one.scores, numbers[identity]) for identity in truth if identity in numbers}
    if not ranks:
        return truth[0], None
    best = min(ranks, key=lambda identity: ranks[identity])
    first = int(one.scores.argmax())
    out.case.append(one.case)
    out.truth.append(best)
    out.rank.append(ranks[best])
    out.confidence.append(float(one.probability[first]))
    out.correct.append(first in {numbers[identity] for identity in ranks})
    out.emptied += numbers[best] in one.emptied
    return best, ranks[best]


def _record_reliance(predictor: Predictor, one: Scored, truth: str, publication: str, out: Reliance) -> None:
    disease = predictor.numbers.get(truth)
    first = int(one.scores.argmax())
    out.evidence.append(one.evidence)
    out.n_findings.append(one.n_findings)
    out.confidence.append(float(one.probability[first]))
    out.correct.append(first == disease)
    out.none.append(one.none)
    out.publication.append(publication)
    kind = "unknown" if disease is None else "emptied" if disease in one.emptied else "described"
    out.diagnosis.append(kind)
    for coverage in predictor.coverages:
        members = predictor.set_members(one.probability, one.none, one.evidence, coverage)
        out.held.setdefault(coverage, []).append(disease is not None and bool(members[disease]))
        out.size.setdefault(coverage, []).append(int(members.sum()))


def _report(
    predictor: Predictor, stratifier: Predictor, loaded: LoadedCases, outcomes: _Outcomes
) -> dict[str, Any]:
    ranks, truth = np.array(outcomes.rank), np.array(outcomes.truth)
    training = stratifier.training_cases
    in_training = [
        0
        if training is None or t not in stratifier.numbers
        else len(training.of_disease(stratifier.numbers[t]))
        for t in outcomes.truth
    ]
    strata = np.array([stratum_of(n) for n in in_training])
    publications = [";".join(loaded.table.publications[case]) or loaded.ids[case] for case in outcomes.case]
    n_all = len(loaded.ids)
    return summary(ranks, outcomes.truth) | {
        "strata": {
            name: summary(ranks[strata == name], truth[strata == name].tolist())
            | {
                "intervals_95": publication_intervals(
                    ranks[strata == name], np.array(publications)[strata == name].tolist()
                )
            }
            for name in STRATA
        },
        "intervals_95": publication_intervals(ranks, publications),
        "n_publications": len(set(publications)),
        "n_cases": n_all,
        "n_unknown_disease": n_all - len(ranks),
        "n_emptied": outcomes.emptied,
        "all_cases": {f"top{k}": float((ranks <= k).sum() / n_all) for k in (1, 3, 5, 10)},
        "ece": expected_calibration_error(np.array(outcomes.confidence), np.array(outcomes.correct, bool)),
        "mean_confidence": float(np.mean(outcomes.confidence)) if outcomes.confidence else None,
        "reliance": outcomes.reliance.report(),
        "n_skipped": len(loaded.errors) + len(loaded.undiagnosed),
        "n_without_present_finding": sum(not present for present in loaded.table.present),
        "errors": [
            {"source": e.source, "line": e.line, "detail": e.detail} for e in loaded.errors[:_MOST_ERRORS]
        ],
        "undiagnosed": loaded.undiagnosed[:_MOST_ERRORS],
        "n_unknown_terms": loaded.unknown_terms,
        "n_candidates": len(predictor.disease_ids),
        "model": predictor.manifest.artefact_hash,
        "knowledge_version": predictor.manifest.knowledge_version,
        "n_training_cases": predictor.manifest.n_cases,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _strict(predictor: Predictor, loaded: LoadedCases, protocol: str, prior: str) -> dict[str, Any]:
    """The same protocol with rows that also cite other publications removed as a whole."""
    outcomes = _Outcomes([], [], [], [], [])
    for one in scored_cases(predictor, loaded, protocol, prior, strict=True):
        _record(one, loaded.truth[one.case], predictor.numbers, outcomes)
    return summary(np.array(outcomes.rank), outcomes.truth) | {"n_emptied": outcomes.emptied}


def write_benchmark(
    model: Path,
    case_files: Sequence[Path],
    protocol: str,
    report: Path,
    predictions: Path | None,
    say: Callable[[str], None],
    prior: str = DEFAULT,
    strata_of: Path | None = None,
) -> dict[str, Any]:
    """Run a benchmark and write its files. Raises OutputError where they cannot be written."""
    try:
        if predictions is None:
            result = benchmark(model, case_files, protocol, None, say, prior, strata_of)
        else:
            with predictions.open("w", encoding="utf-8") as stream:
                result = benchmark(model, case_files, protocol, stream, say, prior, strata_of)
        report.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{error.filename} cannot be written: {error.strerror}") from error
    return result
