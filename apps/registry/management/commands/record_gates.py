"""`manage.py record_gates NUMBER FILE.json`"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.core.problems import InvalidInput
from apps.registry.gates import FAILED, record_gates
from apps.registry.models import ModelVersion


class Command(BaseCommand):
    help = "Record what `python -m ml gates` said of a model: a list of {name, figure, threshold, verdict, reason}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", type=int)
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, number: int, file: Path, **options: Any) -> None:
        model = ModelVersion.objects.filter(number=number).first()
        if model is None:
            raise CommandError(f"There is no model {number}.")
        try:
            results = json.loads(file.read_text(encoding="utf-8"))
            report = record_gates(actor=SYSTEM, model=model, results=results)
        except (OSError, ValueError, InvalidInput) as error:
            raise CommandError(f"{file}: {error}") from error
        verdicts = [result["verdict"] for result in report.results]
        for result in report.results:
            self.stdout.write(f"{result['verdict']:>21}  {result['name']}: {result['reason']}")
        self.stdout.write(
            f"Model {number}: {len(verdicts)} gates recorded"
            + ("; it cannot be proposed" if FAILED in verdicts else "")
        )
