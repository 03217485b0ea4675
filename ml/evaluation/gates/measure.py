"""Bundles and cases -> the arrays that the gates judge."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.records import read_cases
from ml.evaluation.gates import checks
from ml.evaluation.gates.checks import Ranks
from ml.evaluation.gates.disturb import changes, disturbed
from ml.evaluation.gates.outcome import Gate, as_report
from ml.evaluation.gates.process import measure
from ml.evaluation.gates.resampling import Floats, Resampled
from ml.evaluation.gates.subgroups import age_band, subgroup_gates
from ml.evaluation.gates.thresholds import Thresholds
from ml.evaluation.metrics import STRATA, rank_of, stratum_of
from ml.evaluation.run import PROTOCOLS, ranker_of, scored_cases
from ml.export.parity import compare
from ml.features.cases import CaseTable
from ml.serving import Predictor
from ml.serving.artefact import MODEL
from ml.serving.phenopacket import CaseFileError, LineError, PacketCase
from ml.training.data import LoadedCases, case_table
from ml.training.train import OF_CASES

N_FINDINGS = (1, 5, 20, 50)
_REPEATS = 300
_PARITY_CASES = 200
_MOST_DISTURBED = 500
_SEED = 20261201

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ranked:
    """What one model says of the cases [n]: rank of the diagnosis (infinite where it is no candidate), probability of
    the first place and whether that is the diagnosis."""

    loaded: LoadedCases
    rank: Floats
    confidence: Floats
    correct: NDArray[np.bool_]


def check_release(
    candidate: Path,
    running: Path,
    case_files: Sequence[Path],
    protocol: str = PROTOCOLS[1],
    subgroups: Path | None = None,
    limits: Thresholds | None = None,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """All gates for a candidate, as a report for JSON.

    Both models rank the same cases, with the literature prior, each with what it owes to a case's own publication
    removed (or `protocol` raw, for cases that no knowledge cites). Cases whose diagnosis neither knows tell nothing of
    the difference and are left out. `subgroups` is a file of JSON lines with a case's id and further attributes.
    Raises CorruptArtefact, CaseFileError and MeasurementError.
    """
    limits = limits or Thresholds()
    new, old = Predictor.load(candidate), Predictor.load(running)
    if protocol != "raw" and OF_CASES in (p.manifest.raw["model"]["candidates"] for p in (new, old)):
        raise CaseFileError("a closed list rests on its cases, not on publications: only raw can be measured")
    records, n_skipped = _records(case_files)
    say(f"ranking {len(records):,} cases by both models")
    ranked = _ranked(new, records, protocol), _ranked(old, records, protocol)
    known = np.isfinite(ranked[0].rank) | np.isfinite(ranked[1].rank)
    if not known.any():
        raise CaseFileError("neither model knows the diagnosis of any case: nothing to measure")
    case = np.flatnonzero(known)
    records = [records[i] for i in case]
    ranks = Ranks(ranked[0].rank[case], ranked[1].rank[case])
    table = ranked[0].loaded.table.take(case.tolist())
    groups = [";".join(p) or record.id for p, record in zip(table.publications, records, strict=True)]
    resampled = Resampled(groups)
    rarity, training = _of_diseases(new, table)
    gates = [
        *checks.accuracy_gates(ranks, resampled, limits),
        *checks.stratum_gates(ranks, _strata(new, rarity, training), resampled, limits),
        checks.calibration_gate(
            ranked[0].confidence[case], ranked[0].correct[case], resampled, limits
        ),
        _parity(new, candidate, table, limits),
    ]  # fmt: skip
    attributes = _attributes(records, table, subgroups)
    difficulty = [
        f"{r} {t} {_findings_band(len(present))}"
        for r, t, present in zip(rarity, training, table.present, strict=True)
    ]
    gates += subgroup_gates(ranks, attributes, difficulty, resampled, limits)
    say("ranking the same cases with findings lost, added and made general")
    gates += _robustness(new, old, records, groups, ranks, protocol, limits)
    say("measuring time and memory in a process of its own")
    resources = measure(candidate, N_FINDINGS, _REPEATS)
    gates += checks.latency_gates(resources.milliseconds, limits)
    gates.append(checks.memory_gate(resources.peak_mb, limits))
    return as_report(gates) | {
        "model": new.manifest.artefact_hash,
        "running": old.manifest.artefact_hash,
        "protocol": protocol,
        "n": len(records),
        "n_groups": resampled.n_groups,
        "n_unknown_disease": int((~known).sum()),
        "n_skipped": n_skipped,
    }


def _records(case_files: Sequence[Path]) -> tuple[list[PacketCase], int]:
    """The cases with a diagnosis, and how many records are none or cannot be read."""
    found = [record for path in case_files for record in read_cases(path)]
    usable = [r for r in found if not isinstance(r, LineError) and r.diseases]
    if not usable:
        raise CaseFileError("no case with a diagnosis could be read: nothing to measure")
    return usable, len(found) - len(usable)


def _ranked(
    predictor: Predictor,
    records: Sequence[PacketCase],
    protocol: str,
    published: Sequence[PacketCase] | None = None,
) -> Ranked:
    numbers = predictor.numbers
    loaded = case_table(records, predictor.vocabulary, numbers)
    original = None if published is None else case_table(published, predictor.vocabulary, numbers).table
    n = len(records)
    rank, confidence, correct = np.full(n, np.inf), np.zeros(n), np.zeros(n, bool)
    for one in scored_cases(predictor, loaded, protocol, predictor.priors[0], published=original):
        diseases = {numbers[identity] for identity in loaded.truth[one.case] if identity in numbers}
        first = int(one.scores.argmax())
        rank[one.case] = min((rank_of(one.scores, disease) for disease in diseases), default=np.inf)
        confidence[one.case], correct[one.case] = one.probability[first], first in diseases
    return Ranked(loaded, rank, confidence, correct)


def _of_diseases(predictor: Predictor, table: CaseTable) -> tuple[list[str], list[str]]:
    """Rarity and stratum of training cases of each case's diagnosis, as the candidate knows it."""
    rarity = [str(predictor.rarities[d]) if d >= 0 else "None" for d in table.disease.tolist()]
    return rarity, [_training_stratum(predictor, d) for d in table.disease.tolist()]


def _training_stratum(predictor: Predictor, disease: int) -> str:
    cases = predictor.training_cases
    return stratum_of(0 if cases is None or disease < 0 else len(cases.of_disease(disease)))


def _strata(
    predictor: Predictor, rarity: Sequence[str], training: Sequence[str]
) -> dict[str, NDArray[np.bool_]]:
    strata = {f"{kind} diseases": np.array(rarity) == kind for kind in ("common", "rare")}
    # a model without cases has no disease in the other strata, which is no lack of evidence
    possible = {_training_stratum(predictor, d) for d in range(len(predictor.disease_ids))}
    return strata | {f"{s} training cases": np.array(training) == s for s in STRATA if s in possible}


def _findings_band(n: int) -> str:
    return "0-3" if n < 4 else "4-8" if n < 9 else "9+"


def _parity(predictor: Predictor, bundle: Path, table: CaseTable, limits: Thresholds) -> Gate:
    if predictor.manifest.raw["model"]["candidates"] == OF_CASES:
        # its estimator cannot be fitted again from the bundle; the comparison at its export is recorded
        recorded = predictor.manifest.raw["parity"]
        return checks.parity_gate(
            recorded["max_difference"], recorded["same_top10"], recorded["n_cases"], limits
        )
    some = table.take(range(min(len(table), _PARITY_CASES)))
    parity = compare(ranker_of(predictor), (bundle / MODEL).read_bytes(), some)
    return checks.parity_gate(parity.max_difference, parity.same_top10, parity.n_cases, limits)


def _robustness(
    new: Predictor, old: Predictor, records: Sequence[PacketCase], groups: Sequence[str], ranks: Ranks,
    protocol: str, limits: Thresholds,
) -> list[Gate]:  # fmt: skip
    random = np.random.default_rng(_SEED)
    chosen = np.sort(random.permutation(len(records))[:_MOST_DISTURBED])
    some = [records[i] for i in chosen]
    worse = {}
    for name, change in changes(new.vocabulary).items():
        changed = disturbed(some, change, _SEED)
        worse[name] = Ranks(*(_ranked(model, changed, protocol, records).rank for model in (new, old)))
    whole = Ranks(ranks.candidate[chosen], ranks.running[chosen])
    return checks.robustness_gates(whole, worse, Resampled([groups[i] for i in chosen]), limits)


def _attributes(
    records: Sequence[PacketCase], table: CaseTable, subgroups: Path | None
) -> Mapping[str, Sequence[str | None]]:
    attributes: dict[str, Sequence[str | None]] = {
        "sex": [sex if sex in ("female", "male") else None for sex in (s and s.lower() for s in table.sex)],
        "age": [age_band(age) for age in table.age_years],
    }
    if subgroups is None:
        return attributes
    of_case = _read_subgroups(subgroups)
    for name in sorted({name for values in of_case.values() for name in values} - attributes.keys()):
        attributes[name] = [of_case.get(record.id, {}).get(name) for record in records]
    return attributes


def _read_subgroups(path: Path) -> dict[str, dict[str, str]]:
    """Case id -> attribute -> value."""
    found = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            values = json.loads(line)
            identity = values.pop("id")
            found[identity] = {name: str(value) for name, value in values.items() if value is not None}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CaseFileError(
            f'{path}: lines such as {{"id": "case-1", "organisation": "north"}} were expected ({error!r})'
        ) from error
    return found
