"""`manage.py processing_record [--json] [--language es]`."""

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import translation

from apps.privacy.inventory.markdown import as_markdown
from apps.privacy.inventory.record import list_controllers, processing_record


class Command(BaseCommand):
    help = "Print the record of processing activities (GDPR art. 30) as Markdown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON instead")
        parser.add_argument(
            "--language", choices=[code for code, _name in settings.LANGUAGES], default=settings.LANGUAGE_CODE
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override(options["language"]):
            record = processing_record(controllers=list_controllers())
            if options["json"]:
                text = json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False)
            else:
                text = as_markdown(record)
        self.stdout.write(text)
        for name, value in (("CONTROLLER", record.contact), ("DATA_PROTECTION_OFFICER", record.officer)):
            if not value:
                self.stderr.write(f"{name} is not set, so the record lacks what art. 30(1)(a) asks for.")
