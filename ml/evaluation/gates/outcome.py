"""What a gate says."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

PASSED, FAILED, INSUFFICIENT = "passed", "failed", "insufficient_evidence"


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate's answer. `figure` and `threshold` have the unit that the reason gives; accuracies are shares.

    `interval` is the 95 % interval of `figure`, or None; `figure` is None where nothing could be measured. `reason` is
    a sentence. `n` is the number of cases (or predictions) behind the figure.
    """

    name: str
    verdict: str
    figure: float | None
    interval: tuple[float, float] | None
    threshold: float
    n: int
    reason: str


def overall(gates: Sequence[Gate]) -> str:
    """Failed if one failed; passed only if all passed, and there is at least one."""
    verdicts = {gate.verdict for gate in gates}
    if FAILED in verdicts:
        return FAILED
    return PASSED if verdicts == {PASSED} else INSUFFICIENT


def as_report(gates: Sequence[Gate]) -> dict[str, Any]:
    """For JSON."""
    return {"verdict": overall(gates), "gates": [asdict(gate) for gate in gates]}
