"""How far a list can be relied on: calibration, sets and "none of these" by observable strata."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.calibration import expected_calibration_error, reliability_table
from ml.training.reliability import EVIDENCE

# numbers of findings that count
_FINDINGS = (4, 9)
_FINDINGS_NAMES = ("0-3 findings", "4-8 findings", "9+ findings")
_EVIDENCE_NAMES = ("few references", "many references", "with cases")


@dataclass
class Reliance:
    """What was stated and what came out, a case at a time."""

    evidence: list[int] = field(default_factory=list)
    n_findings: list[int] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    correct: list[bool] = field(default_factory=list)
    none: list[float] = field(default_factory=list)
    # "described", "emptied" (known, but all of it from the case's own publications) or "unknown"
    diagnosis: list[str] = field(default_factory=list)
    publication: list[str] = field(default_factory=list)
    # per coverage: whether the diagnosis is in the set, and the set's size
    held: dict[float, list[bool]] = field(default_factory=dict)
    size: dict[float, list[int]] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """ECE and reliability over all cases, where a diagnosis that is no candidate makes the first place wrong, as
        "none of these" says it may; the same given that the diagnosis is a candidate, with P(disease) / (1 - P(none));
        sets; none of these."""
        evidence, diagnosis = np.array(self.evidence), np.array(self.diagnosis)
        findings = np.digitize(self.n_findings, _FINDINGS)
        known = diagnosis != "unknown"
        confidence, correct = np.array(self.confidence), np.array(self.correct, bool)
        strata = {_EVIDENCE_NAMES[k]: evidence == k for k in range(len(EVIDENCE))}
        strata |= {name: findings == k for k, name in enumerate(_FINDINGS_NAMES)}
        conditional = confidence / np.maximum(1 - np.array(self.none), 1e-12)
        return {
            "all_cases": _calibration(confidence, correct, strata),
            "given_a_candidate": _calibration(
                conditional[known], correct[known], {name: m[known] for name, m in strata.items()}
            ),
            "none_of_these": self._none(diagnosis),
            "sets": {
                f"{coverage:g}": self._sets(coverage, diagnosis == "described", strata)
                for coverage in self.held
            },
        }

    def _none(self, diagnosis: NDArray[np.str_]) -> dict[str, Any]:
        none = np.array(self.none)
        described = diagnosis == "described"
        return {
            "mean": {kind: float(none[diagnosis == kind].mean()) for kind in np.unique(diagnosis).tolist()},
            "n": {kind: int((diagnosis == kind).sum()) for kind in np.unique(diagnosis).tolist()},
            "auc": _auc(none[~described], none[described]),
        }

    def _sets(
        self, coverage: float, described: NDArray[np.bool_], strata: dict[str, NDArray[np.bool_]]
    ) -> dict[str, Any]:
        held, size = np.array(self.held[coverage], bool), np.array(self.size[coverage])
        _, group = np.unique(np.array(self.publication), return_inverse=True)

        def of(chosen: NDArray[np.bool_]) -> dict[str, Any]:
            weight = (1 / np.maximum(np.bincount(group[chosen], minlength=group.max() + 1), 1))[group[chosen]]
            return {
                "n": int(chosen.sum()),
                "coverage": float(held[chosen].mean()),
                "coverage_by_publication": float((held[chosen] * weight).sum() / weight.sum()),
                "mean_size": float(size[chosen].mean()),
                "median_size": float(np.median(size[chosen])),
            }

        if not described.any():
            return {"n": 0}
        parts = {name: of(m & described) for name, m in strata.items() if (m & described).any()}
        return of(described) | {"strata": parts}


def _calibration(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], strata: dict[str, NDArray[np.bool_]]
) -> dict[str, Any]:
    return {
        "n": len(confidence),
        "ece": expected_calibration_error(confidence, correct),
        "strata": {
            name: {
                "n": int(m.sum()),
                "ece": expected_calibration_error(confidence[m], correct[m]),
                "stated": float(confidence[m].mean()),
                "right": float(correct[m].mean()),
            }
            for name, m in strata.items()
            if m.any()
        },
        "reliability": reliability_table(confidence, correct),
    }


def _auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float | None:
    """The chance that a case of the first kind has the larger value."""
    if not len(positive) or not len(negative):
        return None
    ordered = np.sort(negative)
    below, upto = (np.searchsorted(ordered, positive, side=side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(ordered))
