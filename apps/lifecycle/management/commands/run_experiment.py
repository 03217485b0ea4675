"""`manage.py run_experiment`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.core.jobs import JobState
from apps.core.problems import Conflict, InvalidInput
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import trainable_datasets
from apps.lifecycle.models import CANDIDATES, ENGINE
from apps.lifecycle.services import request_experiment, run_experiment


class Command(BaseCommand):
    help = (
        "Do an experiment here and now: train a candidate, let the gates judge it, and register it. Nothing is "
        "activated. Without --data it learns from the confirmed cases. Ended by Ctrl-C, a worker goes on with it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name, words in (
            ("--data", "versions to learn from, by the beginning of their hash"),
            ("--judge-on", "versions that judge, in place of held-out cases"),
        ):
            parser.add_argument(name, nargs="+", default=[], metavar="HASH", help=words)
        parser.add_argument(
            "--candidates", nargs="+", default=[ENGINE], choices=CANDIDATES, help="algorithms to compare"
        )
        parser.add_argument("--trials", type=int, default=10)
        parser.add_argument("--folds", type=int, default=5)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--reason", default="by hand")

    def handle(self, *args: Any, data: list[str], judge_on: list[str], **options: Any) -> None:
        names = ("candidates", "trials", "folds", "seed", "reason")
        try:
            experiment = request_experiment(
                actor=SYSTEM,
                datasets=[_version(start) for start in data],
                evaluation=[_version(start) for start in judge_on],
                **{name: options[name] for name in names},
            )
        except (Conflict, InvalidInput) as refused:
            raise CommandError(str(refused)) from refused
        run_experiment(
            experiment_id=experiment.pk, say=lambda percent, step: self.stdout.write(f"{percent:>3} % {step}")
        )
        experiment.refresh_from_db()
        if experiment.state != JobState.SUCCEEDED or experiment.model is None or experiment.gates is None:
            raise CommandError(experiment.error or f"the experiment is {experiment.get_state_display()}")
        for result in experiment.gates.results:
            self.stdout.write(f"{result['verdict']:>21}  {result['name']}: {result['reason']}")
        self.stdout.write(
            f"Experiment {experiment.pk}: model {experiment.model.number}, {experiment.verdict}"
        )


def _version(start: str) -> DatasetVersion:
    found = list(trainable_datasets().filter(content_hash__startswith=start)[:2])
    if len(found) != 1:
        raise CommandError(f"{start}: {'several' if found else 'no'} versions begin so; one was expected")
    return found[0]
