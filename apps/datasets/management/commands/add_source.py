"""`manage.py add_source SOURCE.yaml [--name NAME] ...`"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.core.problems import InvalidInput
from apps.datasets.models import DataSource
from apps.datasets.sources import add_source, change_source
from ml.data.shape import shape_texts
from ml.data.source_file import read_source_file
from ml.errors import EngineError


class Command(BaseCommand):
    help = (
        "Add a source from a source file (docs/data.md), its secrets from where the file says; a source of the same "
        "name is changed to what the file says."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="SOURCE.yaml")
        parser.add_argument("--name", help="default: the name of the file")
        parser.add_argument("--error-budget", type=float, default=0.05, help="default 0.05")
        parser.add_argument(
            "--every-hours", type=int, help="read it every so many hours; default: never by itself"
        )
        parser.add_argument(
            "--retrains", action="store_true", help="an accepted new version asks for a retraining"
        )

    def handle(self, *args: Any, file: Path, name: str | None, **options: Any) -> None:
        name = name or file.stem
        try:
            described = read_source_file(file)
            shape, tables = shape_texts(described.shape_file) if described.shape_file else ("", {})
            source = described.source
            values = {
                "name": name,
                "kind": source.kind,
                "location": _absolute(source.location),
                "options": _plain(source.options),
                "format": described.format,
                "shape": shape,
                "finding_mappings": tables.get("findings", ""),
                "diagnosis_mappings": tables.get("diagnoses", ""),
                "error_budget": options["error_budget"],
                "every_hours": options["every_hours"],
                "retrains": options["retrains"],
            }
            earlier = DataSource.objects.filter(name=name).first()
            if earlier is None:
                add_source(actor=SYSTEM, values=values, credentials=source.credentials)
            else:
                change_source(
                    actor=SYSTEM, source_id=earlier.pk, values=values, credentials=source.credentials
                )
        except (EngineError, InvalidInput) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{name}: {'changed' if earlier else 'added'}")


def _absolute(location: str) -> str:
    """A worker stands in another folder than whoever gives the command."""
    return location if "://" in location else str(Path(location).absolute())


def _plain(options: Any) -> Any:
    """Dates as texts, for the database keeps JSON."""
    return json.loads(json.dumps(options, default=str))
