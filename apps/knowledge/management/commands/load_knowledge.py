"""`manage.py load_knowledge DIR`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.knowledge.services import load_knowledge
from ml.knowledge import KnowledgeError


class Command(BaseCommand):
    help = "Load a knowledge folder made by `python -m ml knowledge build`; loading it twice changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            release, changed = load_knowledge(actor=SYSTEM, folder=folder)
        except KnowledgeError as error:
            raise CommandError(str(error)) from error
        word = "Loaded" if changed else "Already loaded:"
        self.stdout.write(f"{word} knowledge {release.version} (HPO {release.hpo_release})")
