"""What an experiment measures of each candidate, and the table that sets them side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

from ml.evaluation.calibration import expected_calibration_error, reliability_table
from ml.evaluation.metrics import STRATA, TOPS, publication_intervals, rank_of, stratum_of

# a larger matrix cannot be read
MOST_CONFUSED = 20


@dataclass(frozen=True)
class HeldOut:
    """n held-out cases: `probability` [n, diseases], `disease` [n], `n_training` [n], how many training cases their
    disease had, and `component` [n], which cases belong together (`ml.evaluation.folds`)."""

    probability: NDArray[np.float64]
    disease: NDArray[np.int64]
    n_training: NDArray[np.int64]
    component: NDArray[np.int64]


def measures(
    held: HeldOut, diseases: Sequence[str], rarity: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """All measures of one candidate; intervals are 95 %, by resampling what belongs together.

    `rarity` says of some diseases whether they are rare or common. A case whose disease no training case has counts as
    any other: a classifier that learns from cases alone then cannot be right, which stratum 0 shows.
    """
    truth, probability = held.disease, held.probability
    best = probability.argmax(axis=1)
    confidence = probability[np.arange(len(truth)), best]
    right = best == truth
    found = np.unique(truth)
    strata = {
        name: _ranked(held, [stratum_of(n) == name for n in held.n_training.tolist()]) for name in STRATA
    }
    marks = [(rarity or {}).get(diseases[k]) for k in truth.tolist()]
    result = _ranked(held, [True] * len(truth)) | {
        "accuracy": float(right.mean()),
        "macro_f1": float(f1_score(truth, best, labels=found, average="macro", zero_division=0)),
        "macro_roc_auc": _macro_roc_auc(probability, truth, found),
        "ece": expected_calibration_error(confidence, right),
        "reliability": reliability_table(confidence, right),
        "by_training_cases": strata,
        "by_rarity": {
            name: _ranked(held, [mark == name for mark in marks])
            for name in sorted({mark for mark in marks if mark is not None})
        },
    }
    if len(diseases) <= MOST_CONFUSED:
        counts = confusion_matrix(truth, best, labels=range(len(diseases)))
        result["confusion"] = {"names": list(diseases), "counts": counts.tolist()}
    return result


def _macro_roc_auc(
    probability: NDArray[np.float64], truth: NDArray[np.int64], found: NDArray[np.int64]
) -> float | None:
    """Mean over the diseases of one against the rest (Hand and Till 2001 discuss it); None with one disease only."""
    if len(found) < 2:
        return None
    return float(np.mean([roc_auc_score(truth == k, probability[:, k]) for k in found.tolist()]))


def _ranked(held: HeldOut, chosen: Sequence[bool]) -> dict[str, Any]:
    picked = np.flatnonzero(np.array(chosen, bool))
    if not len(picked):
        return {"n": 0}
    ranks = np.array([rank_of(held.probability[i], int(held.disease[i])) for i in picked.tolist()])
    groups = [str(component) for component in held.component[picked].tolist()]
    return (
        {"n": len(picked)}
        | {f"top{k}": float((ranks <= k).mean()) for k in TOPS}
        | {"mrr": float((1 / ranks).mean()), "intervals": publication_intervals(ranks, groups)}
    )


_HEAD = (
    "candidate", "n", "top-1", "top-3", "top-5", "top-10", "MRR", "ROC AUC", "macro F1", "ECE", "one case, ms",
    "memory, MB", "artefact, MB", "training, s", "ONNX",
)  # fmt: skip


def as_markdown(comparison: Mapping[str, Any]) -> str:
    """The comparison as a table, the best accuracy first, and one of accuracies by stratum."""
    candidates = sorted(comparison["candidates"].items(), key=lambda item: -item[1]["measures"]["top1"])
    lines = [f"| {' | '.join(_HEAD)} |", "|---" * len(_HEAD) + "|"]
    for name, found in candidates:
        m, cost = found["measures"], found["cost"]
        low, high = m["intervals"]["top1"]
        cells = [
            name, f"{m['n']:,}", f"{_share(m['top1'])} [{_share(low)}, {_share(high)}]",
            *(_share(m[key]) for key in ("top3", "top5", "top10", "mrr", "macro_roc_auc", "macro_f1", "ece")),
            f"{cost['milliseconds_a_case']:.2f}", _megabytes(cost["training_memory_bytes"]),
            _megabytes(cost["artefact_bytes"]), f"{cost['training_seconds']:.0f}",
            "same" if found["onnx"]["same"] else f"differs by {found['onnx']['max_difference']:.0e}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Top-1 / top-10 by the training cases of the disease, and by what knowledge says of its rarity:",
        "",
    ]
    columns = [("by_training_cases", name) for name in STRATA] + [
        ("by_rarity", n) for n in ("common", "rare")
    ]
    lines += [
        f"| candidate | {' | '.join(name if kind == 'by_rarity' else f'{name} cases' for kind, name in columns)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name, found in candidates:
        cells = [_stratum(found["measures"][kind].get(stratum, {"n": 0})) for kind, stratum in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _megabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:.2f}"


def _stratum(found: Mapping[str, Any]) -> str:
    return f"{_share(found['top1'])} / {_share(found['top10'])}, n {found['n']:,}" if found["n"] else ""
