"""`python -m ml experiment`."""

import argparse
import sys
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to the engine's command line."""
    command = commands.add_parser(
        "experiment", help="compare the engine with other algorithms on the same cases (docs/experiments.md)"
    )
    command.add_argument("--cases", type=Path, nargs="+", action="extend", required=True, metavar="FILE")
    command.add_argument(
        "--test", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help="hold these cases out instead of folds",
    )  # fmt: skip
    command.add_argument("--knowledge", type=Path, required=True, metavar="FOLDER")
    command.add_argument(
        "--candidates", metavar="NAME,NAME", help="engine, naive_bayes, logistic_regression, random_forest, "
        "gradient_boosting, nearest_neighbours (default: all)",
    )  # fmt: skip
    command.add_argument("--folds", type=int, default=5, metavar="N")
    budget = command.add_mutually_exclusive_group()
    budget.add_argument(
        "--budget-seconds",
        type=float,
        metavar="N",
        help="of tuning, in all; the result then follows the clock",
    )
    budget.add_argument(
        "--budget-trials", type=int, default=10, metavar="N",
        help="of tuning, for each candidate and fold; 0 takes the defaults (default: 10)",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=0, metavar="S")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    command.add_argument(
        "--mlflow", metavar="URI", help='of a server or database; default: OUT/mlflow.db; "" logs nothing'
    )
    command.set_defaults(run=_experiment)


def _experiment(options: argparse.Namespace) -> int:
    from ml.training.experiment import COMPARISON, Experiment, run_experiment
    from ml.training.models import MODELS, Budget
    from ml.training.tracking import log_comparison
    from ml.training.trials import CANDIDATES

    candidates = tuple(options.candidates.split(",")) if options.candidates else CANDIDATES
    budget = Budget(trials=options.budget_trials)
    if options.budget_seconds is not None:
        n_splits = 1 if options.test else options.folds + 1
        n_tuned = max(sum(name in MODELS for name in candidates), 1)
        budget = Budget(seconds=options.budget_seconds / n_tuned / n_splits)
    experiment = Experiment(
        tuple(options.cases),
        options.knowledge,
        candidates,
        tuple(options.test),
        options.folds,
        budget,
        options.seed,
    )
    comparison = run_experiment(experiment, options.out, _say)
    if options.mlflow != "":
        log_comparison(comparison, options.out / COMPARISON, options.mlflow or _database(options.out))
    sys.stdout.write((options.out / COMPARISON / f"{COMPARISON}.md").read_text())
    sys.stdout.write(f"\n{options.out}: artefact {comparison['run']['artefact_hash']}\n")
    return 0


def _database(out: Path) -> str:
    return f"sqlite:///{out.absolute() / 'mlflow.db'}"


def _say(step: str, done: int, total: int) -> None:
    sys.stderr.write(f"[{done}/{total}] {step}\n")
    sys.stderr.flush()
