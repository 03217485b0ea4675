"""`python -m ml train`: knowledge and cases in, a checked and served bundle out."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ml.data.records import read_cases
from ml.errors import EngineError
from ml.export.bundle import bundle_files, write_bundle
from ml.export.parity import Parity, check_parity
from ml.features.cases import CaseTable
from ml.features.withhold import withhold
from ml.knowledge import read_knowledge
from ml.serving.artefact import MODEL
from ml.serving.phenopacket import PacketCase
from ml.serving.vocabulary import Vocabulary
from ml.training.candidates import candidate_ids
from ml.training.closed import closed_list
from ml.training.data import (
    LoadedCases,
    annotation_table,
    case_table,
    load_cases,
    patients_of,
    vocabulary_of,
)
from ml.training.diagnosed import publications_of, with_diagnoses
from ml.training.local import with_local_findings
from ml.training.parameters import new_ranker, read_parameters
from ml.training.profiles import Evidence
from ml.training.ranker import PhenotypeRanker
from ml.training.simulate import simulated_cases
from ml.training.stacking import LearnedScore
from ml.training.trust import kinds_of, nearest_set, read_trust

N_PARITY_CASES = 1000
# the candidates: of the knowledge, or the diseases of the cases only
ALL, OF_CASES = "all", "cases"


class TrainingError(EngineError, ValueError):
    """The model cannot be trained from this input; the message says why."""


@dataclass(frozen=True)
class Trained:
    """What a training run made."""

    artefact_hash: str
    n_diseases: int
    n_cases: int
    parity: Parity
    seconds: float
    megabytes: float


def train(
    out: Path,
    knowledge_folder: Path,
    case_files: Sequence[Path] = (),
    exclude_publications_of: Sequence[Path] = (),
    say: Callable[[str], None] = lambda _: None,
    candidates: str = ALL,
) -> Trained:
    """Fit, export, check parity and write the bundle `out`; nothing is written when a step fails.

    Every diagnosis of a training case is a candidate, though nothing else may describe it. With
    `exclude_publications_of`, everything that rests on a publication of those cases is left out: annotation rows (see
    `ml.features.withhold`) and training cases.

    With `candidates` "cases", the list is closed: only the diseases of the cases stand in it, and what many cases teach
    joins the score (docs/adr/0019); "all" leaves that off, since most candidates have no case.
    Raises KnowledgeError, CaseFileError, TrainingError, ParityError and OutputError.
    """
    started = time.perf_counter()
    say("reading knowledge")
    knowledge = read_knowledge(knowledge_folder)
    excluded = publications_of(exclude_publications_of)
    records = [record for path in case_files for record in read_cases(path)]
    notes: dict[str, Any] = {"candidates": candidates}
    learned = None
    if candidates == OF_CASES:
        closed = closed_list(knowledge, [r for r in records if isinstance(r, PacketCase)], say)
        knowledge, vocabulary, table, numbers = (
            closed.knowledge,
            closed.vocabulary,
            closed.table,
            closed.numbers,
        )
        learned = LearnedScore()
        notes["diseases_left_out"] = closed.left_out
    else:
        knowledge = with_local_findings(knowledge, vocabulary_of(knowledge.terms), records)
        knowledge = with_diagnoses(knowledge, records, excluded)
        vocabulary = vocabulary_of(knowledge.terms)
        table = annotation_table(knowledge, vocabulary)
        numbers = candidate_ids(knowledge, table.diseases)
    if exclude_publications_of:
        say("leaving out publications")
        held = load_cases(exclude_publications_of, vocabulary, numbers)
        patients = patients_of(held.table, vocabulary.graph, table)
        table = withhold(table, excluded, patients)
        notes["excluded_publications"] = len(excluded)
    cases = None
    if case_files:
        say("reading cases")
        loaded = case_table(records, vocabulary, numbers)
        cases = _usable(loaded, excluded)
        notes["cases"] = _case_notes(loaded, cases)
        for error in loaded.errors:
            say(f"  {error.source}, line {error.line}: {error.detail} (left out)")
    parameters = read_parameters()
    say(
        f"fitting {len(table.diseases):,} diseases, {len(table):,} annotation rows, {len(cases or ()):,} cases"
    )
    sources = [source["name"] for source in knowledge.manifest["sources"]]
    trust = nearest_set(read_trust(), sources, cases is not None)
    ranker = (
        new_ranker(parameters, trust)
        .set_params(learned=learned)
        .fit(Evidence(vocabulary.graph, table, cases))
    )
    say("exporting to ONNX")
    if learned is not None:
        # sets and "none of these" were fitted on open lists
        trust = trust | {"sets": None}
    calibration = _calibration(trust, kinds_of(sources), ranker)
    description = {"parameters": parameters, "calibration": calibration, "trust": trust, **notes}
    files = bundle_files(ranker, knowledge, description)
    say(f"checking parity on {N_PARITY_CASES:,} cases")
    checked = _parity_cases(vocabulary, ranker.evidence_, ranker.learned_ is not None)
    with tqdm(total=len(checked), unit="case", leave=False, disable=None) as bar:
        parity = check_parity(ranker, files[MODEL], checked, bar.update)
    say("writing")
    digest = write_bundle(out, files, {"parity": parity.as_dict()})
    return Trained(
        artefact_hash=digest,
        n_diseases=len(ranker.classes_),
        n_cases=len(cases or ()),
        parity=parity,
        seconds=time.perf_counter() - started,
        megabytes=sum(map(len, files.values())) / 1e6,
    )


def _calibration(trust: dict[str, Any], sources: set[str], ranker: PhenotypeRanker) -> dict[str, Any]:
    """What is known about the probabilities of this kind of model; on other data than these nothing was measured."""
    if ranker.learned_ is not None:
        return {
            "calibrated": True,
            "method": "weights of what cases teach and of the knowledge, by held-out cases (docs/adr/0019)",
            "weights": ranker.learned_.weights_.tolist(),
            "n": len(ranker.evidence_.cases or ()),
            "ece_of_held_out_cases": ranker.learned_.ece_,
            "parameters": ranker.learned_.get_params()
            | {"classifier": ranker.learned_.classifier_.get_params()},
        }
    fitted_on = set(trust["sources"])
    return trust["calibration"] | {
        "prior": "literature",
        "sources_fitted_on": sorted(fitted_on),
        "sources_not_fitted_on": sorted(sources - fitted_on),
    }


def _usable(loaded: LoadedCases, excluded: frozenset[str]) -> CaseTable:
    chosen = [
        case
        for case in np.flatnonzero(loaded.table.disease >= 0).tolist()
        if loaded.table.present[case] and excluded.isdisjoint(loaded.table.publications[case])
    ]
    if not chosen:
        raise TrainingError(
            "no case has a present finding and a diagnosis among the candidates: nothing to train on"
        )
    return loaded.table.take(chosen)


def _case_notes(loaded: LoadedCases, used: CaseTable) -> dict[str, Any]:
    return {
        "read": len(loaded.ids),
        "used": len(used),
        "diseases": len(Counter(used.disease.tolist())),
        "unreadable": len(loaded.errors),
        "undiagnosed": len(loaded.undiagnosed),
        "unknown_terms": loaded.unknown_terms,
    }


def _parity_cases(vocabulary: Vocabulary, evidence: Evidence, is_closed: bool) -> CaseTable:
    cases = evidence.cases
    # cases, if few, where they also have what nobody simulates: uncertain findings, and who said them
    if cases is not None and (len(cases) >= N_PARITY_CASES or is_closed):
        n = min(N_PARITY_CASES, len(cases))
        picked = np.random.default_rng(20261123).choice(len(cases), n, replace=False)
        return cases.take(sorted(picked.tolist()))
    return simulated_cases(vocabulary.graph, evidence.table, N_PARITY_CASES)
