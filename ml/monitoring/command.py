"""`python -m ml monitor`."""

import argparse
import datetime
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml.folders import write_file


def add_commands(commands: Any) -> None:
    """Add the command to the engine's command line."""
    command = commands.add_parser(
        "monitor", help="do predictions still come from the same patients? Exit code 1 if anything alarms"
    )
    command.add_argument("--reference", type=Path, required=True, metavar="FILE.jsonl")
    command.add_argument("--current", type=Path, required=True, metavar="FILE.jsonl")
    command.add_argument(
        "--replayed", type=Path, metavar="FILE.jsonl", help="the current predictions, computed again offline"
    )
    command.add_argument("--model", type=Path, metavar="DIR", help="the running model, to say how old it is")
    command.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    command.set_defaults(run=_monitor)


def _monitor(options: argparse.Namespace) -> int:
    from ml.monitoring.checks import ALARM, overall
    from ml.monitoring.drift import drift_checks
    from ml.monitoring.operation import service_checks, skew_checks, staleness_checks
    from ml.monitoring.quality import outcome_checks
    from ml.monitoring.records import day_in, read_predictions
    from ml.serving.artefact import read_bundle

    reference, current = read_predictions(options.reference), read_predictions(options.current)
    checks = [
        *drift_checks(reference, current),
        *outcome_checks(reference, current),
        *service_checks(current),
    ]
    if options.model is not None:
        manifest = read_bundle(options.model).manifest
        today = datetime.datetime.now(datetime.UTC).date()
        checks += staleness_checks(today, day_in(manifest.created), day_in(manifest.hpo_release))
    if options.replayed is not None:
        checks += skew_checks(read_predictions(options.replayed), current)
    verdict = overall(checks)
    report = {
        "verdict": verdict,
        "n_reference": len(reference),
        "n_current": len(current),
        "checks": [asdict(check) for check in checks],
    }
    write_file(options.report, (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    for check in checks:
        print(f"{check.verdict:<21} {check.name}: {check.reason}")  # noqa: T201
    print(f"{verdict}: {len(current):,} predictions against {len(reference):,}")  # noqa: T201
    return int(verdict == ALARM)
