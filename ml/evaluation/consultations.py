"""Protocol C: common diseases with many cases, from a source's own files and its mapping.

Everything is prepared on the training part alone: candidates, local findings, counts, weights.
"""

import datetime
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import StratifiedGroupKFold

from ml.data.codes import MappingError
from ml.data.reading import ReadingReport, read_source
from ml.data.shape import Shape
from ml.evaluation.calibration import expected_calibration_error
from ml.evaluation.metrics import wilson
from ml.features.cases import CaseTable
from ml.features.evidence import AnnotationTable, FloatArray
from ml.knowledge import Knowledge
from ml.serving.phenopacket import PacketCase
from ml.training.classifier import CaseClassifier
from ml.training.closed import ClosedList, closed_list, fit_closed
from ml.training.data import annotation_table, vocabulary_of
from ml.training.stacking import LearnedScore

N_FOLDS = 5
SEED = 20261123
_NEVER = 1_000_000_000
FULL = "full"
ZERO_SHOT = "knowledge alone, without cases"


@dataclass(frozen=True)
class Variant:
    """A way to train, for the ablation: `learned` None leaves knowledge and counts; `strip` takes something from every
    case, on both sides; `zero_shot` uses no case at all, and no prior."""

    learned: LearnedScore | None
    strip: Callable[[PacketCase], PacketCase] = lambda case: case
    zero_shot: bool = False


def variants() -> dict[str, Variant]:
    """The full model first, then what it is compared with."""

    def learned(with_knowledge: bool = True, **parameters: Any) -> LearnedScore:
        return LearnedScore(classifier=CaseClassifier(**parameters), with_knowledge=with_knowledge)

    return {
        FULL: Variant(learned()),
        "without uncertain findings": Variant(learned(), lambda case: replace(case, uncertain=())),
        "without who said it first": Variant(learned(), lambda case: replace(case, volunteered=())),
        "without absent and uncertain findings": Variant(
            learned(), lambda case: replace(case, absent=(), uncertain=())
        ),
        "without local findings": Variant(learned(), _terms_only),
        "without pairs": Variant(learned(min_pair=_NEVER)),
        "without naive Bayes": Variant(learned(bayes_weight=0.0)),
        "without the knowledge's score": Variant(learned(with_knowledge=False)),
        "logistic regression alone": Variant(learned(False, min_pair=_NEVER, bayes_weight=0.0)),
        "knowledge and counts, nothing else learned": Variant(None),
        ZERO_SHOT: Variant(None, zero_shot=True),
    }


def _terms_only(case: PacketCase) -> PacketCase:
    def terms(findings: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(finding for finding in findings if finding not in case.local)

    return replace(
        case, local={}, present=terms(case.present), absent=terms(case.absent), uncertain=terms(case.uncertain),
        volunteered=terms(case.volunteered),
    )  # fmt: skip


def read_all(path: Path, shape: Shape) -> tuple[list[PacketCase], dict[str, Any]]:
    """The cases of a file with a diagnosis, and the report of the reading. Raises CaseFileError and MappingError."""
    report = ReadingReport()
    cases = [case for case in read_source([path], shape, report) if case.diseases]
    if not cases:
        raise MappingError(f"{path}: no case with a diagnosis could be read")
    return cases, report.as_dict()


@dataclass(frozen=True)
class Published:
    """The knowledge, and its rows, which no case changes."""

    knowledge: Knowledge
    table: AnnotationTable


def train_and_test(
    published: Published, train: Sequence[PacketCase], test: Sequence[PacketCase], variant: Variant
) -> Iterator[tuple[str, str, float]]:
    """(diagnosis, most probable disease, its probability) of each test case.

    A diagnosis that is no candidate, since the training part lacks it, is a case that cannot be right.
    """
    train, test = [variant.strip(case) for case in train], [variant.strip(case) for case in test]
    candidates = closed_list(published.knowledge, train, published=published.table)
    names = candidates.table.diseases
    held = replace(
        candidates,
        numbers=dict(candidates.numbers) | {c.diseases[0]: 0 for c in test if not _is_known(c, candidates)},
    )
    probability = _probabilities(candidates, candidates.table_of(train), held.table_of(test), variant)
    for case, row in zip(test, probability, strict=True):
        number = candidates.numbers.get(case.diseases[0])
        best = int(row.argmax())
        yield case.diseases[0] if number is None else names[number], names[best], float(row[best])


def _is_known(case: PacketCase, candidates: ClosedList) -> bool:
    return case.diseases[0] in candidates.numbers


def _probabilities(candidates: ClosedList, train: CaseTable, test: CaseTable, variant: Variant) -> FloatArray:
    rows = test.encode(len(candidates.graph))
    ranker = fit_closed(candidates, None if variant.zero_shot else train, variant.learned)
    if variant.zero_shot:
        return np.asarray(softmax(ranker.decision_function(rows, np.zeros(len(ranker.classes_))), axis=1))
    return ranker.predict_proba(rows)


def cross_validate(
    published: Published, cases: Sequence[PacketCase], variant: Variant
) -> Iterator[tuple[str, str, float]]:
    """`train_and_test` of five folds, stratified by diagnosis, records of one group kept together."""
    diagnoses = [case.diseases[0] for case in cases]
    groups = [min(case.publications, default=f"case {i}") for i, case in enumerate(cases)]
    folds = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=SEED)
    for train, held in folds.split(diagnoses, diagnoses, groups):
        yield from train_and_test(published, [cases[i] for i in train], [cases[i] for i in held], variant)


def measures(outcomes: Sequence[tuple[str, str, float]]) -> dict[str, Any]:
    """Accuracy with its 95 % interval (Wilson 1927), macro F1, accuracy of each disease, ECE, confusion matrix."""
    truth, best = (np.array([outcome[k] for outcome in outcomes]) for k in (0, 1))
    confidence = np.array([outcome[2] for outcome in outcomes])
    right = truth == best
    names = sorted(set(truth.tolist()) | set(best.tolist()))
    n_of = Counter(truth.tolist())
    return {
        "n": len(outcomes),
        "accuracy": float(right.mean()),
        "interval_95": wilson(int(right.sum()), len(outcomes)),
        "macro_f1": float(f1_score(truth, best, labels=sorted(n_of), average="macro", zero_division=0)),
        "ece": expected_calibration_error(confidence, right),
        "diseases": {
            name: {"n": n_of[name], "accuracy": float(right[truth == name].mean())} for name in sorted(n_of)
        },
        "confusion": {
            "names": names,
            "counts": confusion_matrix(truth, best, labels=names).tolist(),
        },
    }


def benchmark_consultations(
    knowledge: Knowledge,
    shape: Shape,
    crossed: Sequence[Path],
    tested: Sequence[tuple[Path, Path]],
    ablation: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure every set: five folds of each of `crossed`, and each (training part, test part) of `tested`."""
    chosen = variants() if ablation else {FULL: variants()[FULL]}
    published = Published(knowledge, annotation_table(knowledge, vocabulary_of(knowledge.terms)))
    sets: dict[str, Any] = {}
    for paths in [*((path,) for path in crossed), *tested]:
        read = [read_all(path, shape) for path in paths]
        parts = [cases for cases, _ in read]
        name = " -> ".join(path.name for path in paths)
        results: dict[str, Any] = {}
        for label, variant in chosen.items():
            outcomes = list(
                cross_validate(published, parts[0], variant)
                if len(parts) == 1
                else train_and_test(published, parts[0], parts[1], variant)
            )
            results[label] = result = measures(outcomes)
            low, high = result["interval_95"]
            say(
                f"{name}, {label}: n {result['n']}, accuracy {result['accuracy']:.3f} [{low:.3f}, {high:.3f}], "
                f"macro F1 {result['macro_f1']:.3f}, ECE {result['ece']:.3f}"
            )
        sets[name] = {"reading": [reading for _, reading in read], "variants": results}
    return {
        "knowledge_version": knowledge.version,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seed": SEED,
        "sets": sets,
    }
