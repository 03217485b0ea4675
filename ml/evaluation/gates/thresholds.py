"""The thresholds of all gates, each with its reason; a JSON object of the same names overrides some."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ml.errors import EngineError


class ThresholdError(EngineError, ValueError):
    """The thresholds given are none; the message says which and what was expected."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Shares unless a unit is given."""

    # of top-1, top-10 and mean reciprocal rank that a release may lose with 97.5 % certainty: one patient in 33; with
    # less, a release as good as the running one failed too often on 1,800 simulated cases (docs/gates.md)
    accuracy_margin: float = 0.03
    # of top-10 in one stratum; strata are smaller, so that their figures scatter more
    stratum_margin: float = 0.05
    # calibration error: the shipped model reaches .09 without its answers' publications (docs/benchmarks.md)
    ece: float = 0.10
    # largest difference of a probability between estimator and graph: float32 sums of some 50 terms
    parity: float = 1e-5
    # milliseconds of the 99th percentile: what feels immediate (Nielsen 1993, Usability Engineering, chapter 5)
    p99_ms: float = 100.0
    # megabytes of a process that serves: eight processes of two web servers fit in 8 GB
    peak_mb: float = 1000.0
    # by how much more than the running model top-10 may fall when the findings are disturbed
    robustness_margin: float = 0.05
    # of top-10 that one subgroup may lose against the running model
    subgroup_loss: float = 0.05
    # by how much top-10 of a subgroup may be below the others' on cases of the same difficulty: written-up cases differ
    # in more than is known of their difficulty
    subgroup_gap: float = 0.10
    # chance of a false alarm among all tests of one kind of gate
    alpha: float = 0.05
    # a figure that is known no better than this (half of its 95 % interval) is no evidence that nothing is wrong
    widest_half_interval: float = 0.15
    # a share of fewer cases is an anecdote; bootstrap intervals of fewer groups (publications, families) are too narrow
    # (Cameron, Gelbach and Miller 2008, doi:10.1162/rest.90.3.414)
    least_cases: int = 50
    least_groups: int = 20
    # a 99th percentile of fewer is the largest value
    least_predictions: int = 100


def thresholds_of(values: Mapping[str, Any]) -> Thresholds:
    """Defaults with some replaced. Raises ThresholdError for unknown names and for what is no positive number."""
    known = {field.name: field.type for field in fields(Thresholds)}
    for name, value in values.items():
        if name not in known:
            raise ThresholdError(f"{name!r} is no threshold; one of {', '.join(known)} was expected")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ThresholdError(f"{name}: {value!r}; a number above 0 was expected")
    return Thresholds(**values)


def read_thresholds(path: Path | None) -> Thresholds:
    """From a JSON file; the defaults without one. Raises ThresholdError."""
    if path is None:
        return Thresholds()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ThresholdError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise ThresholdError(f"{path}: an object of names and numbers was expected")
    return thresholds_of(values)
