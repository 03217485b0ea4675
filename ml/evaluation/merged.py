"""`python -m ml simulate-pairs`: two published cases as one patient, and one case as it is."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluation.metrics import wilson
from ml.features.cases import CaseTable
from ml.serving import Predictor, Query
from ml.serving.phenopacket import CaseFileError
from ml.training.data import load_cases

_SEED = 20261123
# a case that gives fewer findings cannot be recognised beside another
_LEAST_FINDINGS = 3


def simulate_pairs(model: Path, case_files: Sequence[Path], n_merged: int) -> dict[str, Any]:
    """How often pairs are flagged where there is one disease, and named where there are two.

    Two diseases: `n_merged` random pairs of cases with other diagnoses and publications, each with three findings or
    more, their findings put together (present where either has it, absent ones left out), age and sex of the first.
    Raises CorruptArtefact and CaseFileError.
    """
    predictor = Predictor.load(model)
    cases = load_cases(case_files, predictor.vocabulary, predictor.numbers).table
    usable = [c for c in range(len(cases)) if cases.disease[c] >= 0 and cases.present[c]]
    rich = [c for c in usable if len(cases.present[c]) >= _LEAST_FINDINGS]
    if len(rich) < 2:
        raise CaseFileError("no two cases with three findings and a diagnosis among the candidates")
    flagged = [bool(predictor.pairs(_query(predictor, cases, [c]))) for c in usable]
    _, group = np.unique([";".join(cases.publications[c]) or str(c) for c in usable], return_inverse=True)
    weight = (1 / np.bincount(group))[group]
    found = [_named(predictor, cases, pair) for pair in _merged(cases, rich, n_merged)]
    if not found:
        raise CaseFileError("no two cases of different diseases and publications could be read")
    n = len(found)
    return {
        "one_disease": {
            "n": len(usable),
            "flagged": float(np.mean(flagged)),
            "flagged_by_publication": float(np.average(flagged, weights=weight)),
            "interval_95": wilson(sum(flagged), len(usable)),
        },
        "two_diseases": {
            "n": n,
            **{
                name: float(np.mean([one[name] for one in found]))
                for name in ("flagged", "both_named", "both_first", "one_named", "both_in_first_two")
            },
            "interval_95_of_both_named": wilson(sum(one["both_named"] for one in found), n),
        },
        "model": predictor.manifest.artefact_hash,
        "knowledge_version": predictor.manifest.knowledge_version,
        "n_training_cases": predictor.manifest.n_cases,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _query(predictor: Predictor, cases: CaseTable, members: Sequence[int]) -> Query:
    ids = predictor.vocabulary.graph.ids
    present = dict.fromkeys(ids[t] for c in members for t in cases.present[c])
    return Query(tuple(present), (), cases.age_years[members[0]], cases.sex[members[0]])


def _merged(cases: CaseTable, rich: Sequence[int], n: int) -> list[tuple[int, int]]:
    random = np.random.default_rng(_SEED)
    pairs: list[tuple[int, int]] = []
    for _ in range(50 * n):
        if len(pairs) == n:
            break
        a, b = random.choice(rich, 2, replace=False).tolist()
        shared = set(cases.publications[a]) & set(cases.publications[b])
        if cases.disease[a] != cases.disease[b] and not shared:
            pairs.append((a, b))
    return pairs


def _named(predictor: Predictor, cases: CaseTable, members: tuple[int, int]) -> dict[str, bool]:
    query = _query(predictor, cases, members)
    truth = {predictor.disease_ids[cases.disease[c]] for c in members}
    pairs = [{pair.first, pair.second} for pair in predictor.pairs(query)]
    first_two = {row.id for row in predictor.predict(query, top=2).ranking}
    return {
        "flagged": bool(pairs),
        "both_named": truth in pairs,
        "both_first": bool(pairs) and pairs[0] == truth,
        "one_named": any(pair & truth for pair in pairs),
        "both_in_first_two": first_two == truth,
    }
