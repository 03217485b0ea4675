"""What a check says, the limits of all of them, and the judgement of checks that are tests."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml.evaluation.multiple import holm

OK, ALARM, INSUFFICIENT = "ok", "alarm", "insufficient_evidence"


@dataclass(frozen=True, slots=True)
class Check:
    """One answer. `figure` has the unit that the reason gives and is None where nothing could be measured."""

    name: str
    verdict: str
    figure: float | None
    threshold: float
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Each with its reason. Shares unless a unit is given."""

    # chance that a window without any change raises any alarm of one family (input; outcomes): with a window a day at
    # most some seven false alarms a year
    alpha: float = 0.02
    # what is smaller matters to nobody, however certain it is (largest distance of two distributions, or of shares)
    least_shift: float = 0.10
    # of a single finding, a quality or top-10
    least_share: float = 0.05
    # Kolmogorov-Smirnov tells a distance of .2 from 0 with some 100 on each side
    least_predictions: int = 100
    least_outcomes: int = 50
    # days: HPO has a release every one or two months, and half a year is some thousand new annotations
    training_days: float = 180.0
    knowledge_days: float = 365.0
    # milliseconds of the 99th percentile, as for the gates
    p99_ms: float = 100.0
    # of calls that ended with an error of the service
    error_share: float = 0.01
    # largest difference of a probability between offline and online: float32 on another processor
    skew: float = 1e-4


@dataclass(frozen=True, slots=True)
class Measured:
    """A test before the others of its family are known; `p` is None where there was too little to test."""

    name: str
    figure: float | None
    p: float | None
    least: float
    what: str


def judge(tests: Sequence[Measured], alpha: float) -> list[Check]:
    """Alarm where the figure reaches what matters and Holm's correction over the family leaves p below alpha."""
    done = [test for test in tests if test.p is not None]
    adjusted = dict(
        zip((test.name for test in done), holm([t.p for t in done if t.p is not None]), strict=True)
    )
    checks = []
    for test in tests:
        if test.name not in adjusted or test.figure is None:
            checks.append(Check(test.name, INSUFFICIENT, test.figure, test.least, test.what))
            continue
        p = float(adjusted[test.name])
        alarms = p < alpha and test.figure >= test.least
        reason = f"{test.what} (p = {p:.4f} after Holm; alarm from {test.least:g} and below p = {alpha:g})"
        checks.append(Check(test.name, ALARM if alarms else OK, test.figure, test.least, reason))
    return checks


def overall(checks: Sequence[Check]) -> str:
    """Alarm if one alarms; ok only if all are, and there is at least one."""
    verdicts = {check.verdict for check in checks}
    if ALARM in verdicts:
        return ALARM
    return OK if verdicts == {OK} else INSUFFICIENT
