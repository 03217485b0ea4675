"""`manage.py publish_consent_text PURPOSE --text en FILE --text es FILE [--valid-from 2027-01-01]`."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.accounts.actors import SYSTEM
from apps.cases.consents import publish_text
from apps.cases.models import Consent


class Command(BaseCommand):
    help = "Publish the next version of what patients are asked to agree to, in every language of the pages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("purpose", choices=Consent.Purpose.values)
        parser.add_argument(
            "--text",
            nargs=2,
            action="append",
            required=True,
            metavar=("LANGUAGE", "FILE"),
            help="a file in UTF-8",
        )
        parser.add_argument(
            "--valid-from",
            type=datetime.fromisoformat,
            help="ISO 8601, local time unless it says so; now by default",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        texts = {
            language: Path(file).read_text(encoding="utf-8").strip() for language, file in options["text"]
        }
        languages = {code for code, _name in settings.LANGUAGES}
        if texts.keys() != languages or not all(texts.values()):
            raise CommandError(f"Give one text that is not empty in each of: {', '.join(sorted(languages))}.")
        valid_from = options["valid_from"] or timezone.now()
        if timezone.is_naive(valid_from):
            valid_from = timezone.make_aware(valid_from)
        version = publish_text(actor=SYSTEM, purpose=options["purpose"], texts=texts, valid_from=valid_from)
        self.stdout.write(
            f"version {version} for {options['purpose']} is valid from {valid_from.isoformat()}"
        )
