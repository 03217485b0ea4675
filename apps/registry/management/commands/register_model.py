"""`manage.py register_model DIR [--activate]`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.registry.services import activate_model, register_model
from ml.serving import CorruptArtefact


class Command(BaseCommand):
    help = "Take a model that `python -m ml train` made into the registry, and let it answer with --activate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--activate", action="store_true")

    def handle(self, *args: Any, folder: Path, activate: bool, **options: Any) -> None:
        try:
            model, is_new = register_model(actor=SYSTEM, folder=folder)
        except (CorruptArtefact, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Model {model.number} {'registered' if is_new else 'was registered already'}")
        if activate:
            changed = activate_model(actor=SYSTEM, model=model, reason="activated on the command line")
            self.stdout.write(f"Model {model.number} {'answers now' if changed else 'answers already'}")
