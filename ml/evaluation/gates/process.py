"""`python -m ml.evaluation.gates.process MODEL REPEATS FINDINGS...`: how long and how much memory a predictor takes.

A process of its own, that imports what serving imports and nothing else: milliseconds of single predictions by number
of findings, and the most memory it ever held, as one line of JSON.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.errors import EngineError
from ml.serving import Predictor

_SEED, _WARM_UP = 20261201, 5
_LINUX = Path("/proc/self/status")


class MeasurementError(EngineError, RuntimeError):
    """The process that measures ended without an answer; the message holds what it said last."""


@dataclass(frozen=True, slots=True)
class Resources:
    """`milliseconds` of each prediction by number of findings; `peak_mb` is None where the system does not say it."""

    milliseconds: dict[int, list[float]]
    peak_mb: float | None


def measure(model: Path, findings: tuple[int, ...], repeats: int) -> Resources:
    """Load the model in a fresh process and predict there. Raises MeasurementError."""
    words = [sys.executable, "-m", __name__, str(model), str(repeats), *map(str, findings)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise MeasurementError(f"the predictor of {model} could not be measured; it said: {last}")
    answer = json.loads(done.stdout)
    return Resources({int(n): taken for n, taken in answer["milliseconds"].items()}, answer["peak_mb"])


def _main(model: str, repeats: int, findings: list[int]) -> None:
    predictor = Predictor.load(model)
    random = np.random.default_rng(_SEED)
    ids = np.array(predictor.vocabulary.graph.ids)
    milliseconds: dict[int, list[float]] = {}
    for n in findings:
        queries = [
            predictor.resolve(present=random.choice(ids, min(n, len(ids)), replace=False).tolist(), age="P9Y")
            for _ in range(repeats + _WARM_UP)
        ]
        taken = []
        for query in queries:
            started = time.perf_counter()
            predictor.predict(query)
            taken.append(1000 * (time.perf_counter() - started))
        milliseconds[n] = taken[_WARM_UP:]
    sys.stdout.write(json.dumps({"milliseconds": milliseconds, "peak_mb": _peak_mb()}) + "\n")


def _peak_mb() -> float | None:
    # not getrusage: what it says of a child may be the parent's memory, from before the program was started
    if not _LINUX.exists():
        return None
    peak = next(line for line in _LINUX.read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), [int(word) for word in sys.argv[3:]])
