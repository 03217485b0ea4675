"""`manage.py ingest NAME [FILE]`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.core.jobs import JobState
from apps.core.problems import Conflict, InvalidInput
from apps.datasets.ingestion import request_ingestion, run_ingestion
from apps.datasets.models import DatasetVersion, DataSource


class Command(BaseCommand):
    help = (
        "Read a source here and now into a version of data, and say what became of its rows; with FILE, that file in "
        "its place. Ends with an error where the version is quarantined or nothing could be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="of the source")
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE")

    def handle(self, *args: Any, name: str, file: Path | None, **options: Any) -> None:
        source = DataSource.objects.filter(name=name).first()
        if source is None:
            names = (
                ", ".join(DataSource.objects.order_by("name").values_list("name", flat=True))
                or "there is none"
            )
            raise CommandError(f"{name}: no such source; one of these was expected: {names}")
        try:
            upload = None if file is None else (file.name, file.read_bytes())
            ingestion = request_ingestion(actor=SYSTEM, source_id=source.pk, upload=upload)
        except (Conflict, InvalidInput) as refused:
            raise CommandError(str(refused)) from refused
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        run_ingestion(ingestion_id=ingestion.pk)
        ingestion.refresh_from_db()
        version = ingestion.version
        if ingestion.state != JobState.SUCCEEDED or version is None:
            raise CommandError(ingestion.error)
        same, found = ", which was there before" if ingestion.is_repeated else "", ingestion.summary
        self.stdout.write(
            f"{name}: version {version.content_hash[:12]}{same}, {version.state}: {found['n_used']} cases of "
            f"{found['n_rows']} records"
        )
        if version.state != DatasetVersion.State.ACCEPTED:
            raise CommandError("It is not accepted; its page says why, and lets you decide.")
