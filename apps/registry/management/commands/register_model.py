"""`manage.py register_model DIR [--activate]`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.core.problems import Conflict, Unavailable
from apps.registry.services import activate_model, register_model
from ml.serving import CorruptArtefact


class Command(BaseCommand):
    help = (
        "Take a model that `python -m ml train` made into the registry and sign it. With --activate it answers, if it "
        "is the first one here; later ones are released by two people, on the page of the model."
    )

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
            self._activate(model)

    def _activate(self, model: Any) -> None:
        try:
            changed = activate_model(model=model)
        except Conflict as refused:
            if not settings.SHIPPED_MODELS_ANSWER:
                raise CommandError(str(refused)) from refused
            # People have taken over, which must not keep an update from starting.
            self.stdout.write(str(refused))
            return
        except Unavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Model {model.number} {'answers now' if changed else 'answers already'}")
