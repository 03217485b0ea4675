"""`python -m ml benchmark-consultations`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ml.folders import OutputError


def add_commands(commands: Any) -> None:
    """Add the command to the engine's command line."""
    command = commands.add_parser(
        "benchmark-consultations",
        help="common diseases with many cases, from a source's own files (protocol C)",
    )
    command.add_argument("--knowledge", type=Path, required=True, metavar="DIR")
    command.add_argument("--shape", type=Path, required=True, metavar="FILE.yaml")
    command.add_argument(
        "--cross-validate",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="five folds of each",
    )
    command.add_argument(
        "--test", type=Path, nargs=2, action="append", default=[], metavar=("TRAIN", "TEST"),
        help="trained on the first, tested on the second",
    )  # fmt: skip
    command.add_argument("--ablation", action="store_true", help="also without each part of the model")
    command.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    command.set_defaults(run=_benchmark)


def _benchmark(options: argparse.Namespace) -> int:
    from ml.data.shape import read_shape
    from ml.evaluation.consultations import benchmark_consultations
    from ml.knowledge import read_knowledge

    if not options.cross_validate and not options.test:
        sys.stderr.write("nothing to measure: --cross-validate FILE or --test TRAIN TEST was expected\n")
        return 2
    report = benchmark_consultations(
        read_knowledge(options.knowledge),
        read_shape(options.shape),
        options.cross_validate,
        options.test,
        options.ablation,
        lambda line: print(line, flush=True),  # noqa: T201
    )
    try:
        options.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{options.report} cannot be written: {error.strerror}") from error
    return 0
