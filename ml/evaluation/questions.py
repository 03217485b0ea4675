"""`python -m ml simulate-questions`: do the findings that the model asks for help more than others would?

Of each case three random findings are given. Five questions follow, one at a time, and the case answers:
- yes, when the finding is among its present ones or more general than one of them;
- no, when it or a more general one is recorded as absent;
- otherwise the publication is silent. With `silent="skip"` the clinician cannot say either and takes the next question,
  until five are answered or fifty asked; with "unknown" such a question is one of the five and tells nothing; with
  "no" it is answered with no, as if publications mentioned all that patients have.
"""

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ml.evaluation.metrics import rank_of
from ml.features.cases import CaseTable
from ml.serving import Predictor, Query
from ml.serving.phenopacket import CaseFileError
from ml.training.data import load_cases

N_GIVEN = 3
N_QUESTIONS = 5
POLICIES = ("asked", "random_of_candidates", "random")
SILENT = ("skip", "unknown", "no")
# nobody answers more questions than that, however few of them he can answer
MOST_ASKED = 50
# so many questions stand on the page at once
_AT_ONCE = 5
# the candidates of whose annotated findings a random question is drawn
_CANDIDATES = 100
_SEED = 20261123
_RESAMPLES = 1000


@dataclass
class _Tally:
    """Answers by policy, and the seconds of each call of `ask_next`."""

    answers: dict[str, dict[str, int]]
    seconds: list[float] = field(default_factory=list)


@dataclass
class _Consultation:
    """What is known of one simulated patient so far."""

    age: float | None
    sex: str | None
    present: list[str]
    absent: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def query(self) -> Query:
        return Query(tuple(self.present), tuple(self.absent), self.age, self.sex)


class _Oracle:
    """Answers as one published case does."""

    def __init__(self, predictor: Predictor, cases: CaseTable, case: int, silent: str) -> None:
        self._graph = predictor.vocabulary.graph
        self._has = {a for t in cases.present[case] for a in self._graph.closure(t)}
        self._lacks = set(cases.absent[case])
        self.silent = silent

    def answer(self, finding: str, consultation: _Consultation) -> str:
        """ "yes", "no" or "unknown"; the consultation takes it down."""
        term = self._graph.index[finding]
        if term in self._has:
            answer, where = "yes", consultation.present
        elif self.silent == "no" or not self._lacks.isdisjoint(self._graph.closure(term)):
            answer, where = "no", consultation.absent
        else:
            answer, where = "unknown", consultation.unknown
        where.append(finding)
        return answer


def simulate_questions(
    model: Path, case_files: Sequence[Path], silent: str = "skip", most_cases: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """The report: top-1 and top-10 after 0 to 5 questions by policy, with the gain over random ones.

    Cases whose diagnosis is no candidate, or without a present finding, are left out; `most_cases` takes a random
    part of the others. Intervals: 95 %, resampling publications. Raises CorruptArtefact and CaseFileError.
    """
    predictor = Predictor.load(model)
    loaded = load_cases(case_files, predictor.vocabulary, predictor.numbers)
    cases = loaded.table
    usable = [c for c in range(len(cases)) if cases.disease[c] >= 0 and cases.present[c]]
    if not usable:
        raise CaseFileError("no case has a present finding and a diagnosis among the candidates")
    if most_cases is not None and most_cases < len(usable):
        random = np.random.default_rng(_SEED)
        usable = sorted(random.choice(usable, most_cases, replace=False).tolist())
    ranks = {policy: np.zeros((len(usable), N_QUESTIONS + 1)) for policy in POLICIES}
    tally = _Tally({policy: {"yes": 0, "no": 0, "unknown": 0} for policy in POLICIES})
    for policy in POLICIES:
        say(f"asking: {policy}")
        for i, case in enumerate(tqdm(usable, unit="case", leave=False, disable=None)):
            oracle = _Oracle(predictor, cases, case, silent)
            ranks[policy][i] = list(_consult(predictor, cases, case, policy, oracle, tally))
    return _report(predictor, cases, usable, ranks, tally) | {"silent": silent}


def _consult(
    predictor: Predictor, cases: CaseTable, case: int, policy: str, oracle: _Oracle, tally: _Tally
) -> Iterator[float]:
    """The rank of the diagnosis before the first and after each question that counts."""
    random = np.random.default_rng((_SEED, case))
    ids = predictor.vocabulary.graph.ids
    present = list(cases.present[case])
    given = sorted(random.choice(present, min(N_GIVEN, len(present)), replace=False).tolist())
    state = _Consultation(cases.age_years[case], cases.sex[case], [ids[t] for t in given])
    truth = int(cases.disease[case])
    rank = rank_of(predictor.run(state.query, "score")[0], truth)
    yield rank
    counted = asked = 0
    waiting: list[str] = []
    while counted < N_QUESTIONS:
        if not waiting and asked < MOST_ASKED:
            started = time.perf_counter()
            waiting = list(_next(predictor, state, policy, random))
            if policy == POLICIES[0]:
                tally.seconds.append(time.perf_counter() - started)
        if waiting:
            asked += 1
            answer = oracle.answer(waiting.pop(0), state)
            tally.answers[policy][answer] += 1
            if answer == "unknown" and oracle.silent == "skip":
                continue
            waiting = []
            rank = rank_of(predictor.run(state.query, "score")[0], truth)
        counted += 1
        yield rank


def _next(
    predictor: Predictor, state: _Consultation, policy: str, random: np.random.Generator
) -> tuple[str, ...]:
    if policy == POLICIES[0]:
        questions = predictor.ask_next(state.query, limit=_AT_ONCE, skip=state.unknown)
        return tuple(question.finding for question in questions)
    askable = predictor.askable(state.query, skip=state.unknown)
    if policy == POLICIES[1]:
        (score,) = predictor.run(state.query, "score")
        best = np.argsort(-score, kind="stable")[:_CANDIDATES]
        table = predictor.annotations
        rows = np.concatenate([table.rows_of(d) for d in best.tolist()])
        known = {table.terms[t] for t in table.columns["term"][rows[table.own[rows]]].tolist()}
        askable = tuple(finding for finding in askable if finding in known)
    order = random.permutation(len(askable))[:_AT_ONCE]
    return tuple(askable[k] for k in order.tolist())


def _report(
    predictor: Predictor, cases: CaseTable, usable: Sequence[int], ranks: dict[str, Any],
    tally: _Tally,
) -> dict[str, Any]:  # fmt: skip
    publications = [";".join(cases.publications[c]) or str(c) for c in usable]
    more = np.array([len(cases.present[c]) > N_GIVEN for c in usable])
    report: dict[str, Any] = {}
    for name, chosen in (("all", np.ones(len(usable), bool)), ("more_than_three_findings", more)):
        if not chosen.any():
            continue
        part = {policy: r[chosen] for policy, r in ranks.items()}
        groups = [p for p, c in zip(publications, chosen.tolist(), strict=True) if c]
        report[name] = {"n": int(chosen.sum()), "n_publications": len(set(groups))} | {
            policy: {f"top{k}": (r <= k).mean(axis=0).tolist() for k in (1, 10)} for policy, r in part.items()
        }
        for other in POLICIES[1:]:
            difference = (part[POLICIES[0]][:, -1] <= 10).astype(float) - (part[other][:, -1] <= 10)
            report[name][f"top10_gain_over_{other}"] = {
                "mean": float(difference.mean()), "interval_95": _interval(difference, groups)
            }  # fmt: skip
    n_cases = len(usable)
    return report | {
        "answers": tally.answers,
        "milliseconds": {f"p{q}": 1e3 * float(np.percentile(tally.seconds, q)) for q in (50, 99)},
        "n_cases": n_cases,
        "n_given": N_GIVEN,
        "model": predictor.manifest.artefact_hash,
        "knowledge_version": predictor.manifest.knowledge_version,
        "n_training_cases": predictor.manifest.n_cases,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _interval(values: np.ndarray[Any, np.dtype[np.float64]], publications: Sequence[str]) -> list[float]:
    _, group = np.unique(np.array(publications), return_inverse=True)
    total, size = np.bincount(group, values), np.bincount(group)
    drawn = np.random.default_rng(_SEED).multinomial(len(size), np.full(len(size), 1 / len(size)), _RESAMPLES)
    return [float(q) for q in np.quantile((drawn @ total) / (drawn @ size), [0.025, 0.975])]
