"""`manage.py sign_models [NUMBER ...]`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.registry.models import ModelVersion
from apps.registry.services import sign_model
from ml.serving import CorruptArtefact


class Command(BaseCommand):
    help = (
        "Sign models that have no signature, or those that are named, as after a change of MODEL_KEY. Whoever names "
        "one vouches that nobody has changed it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER")

    def handle(self, *args: Any, numbers: list[int], **options: Any) -> None:
        chosen = {"number__in": numbers} if numbers else {"signature": ""}
        models = list(ModelVersion.objects.filter(**chosen).order_by("number"))
        if missing := set(numbers) - {model.number for model in models}:
            raise CommandError(f"There is no model {', '.join(map(str, sorted(missing)))}.")
        for model in models:
            try:
                sign_model(actor=SYSTEM, model=model)
            except (CorruptArtefact, OSError) as error:
                # One that is gone answers nobody, and must not keep the others from being signed.
                self.stderr.write(f"Model {model.number} was not signed: {error}")
            else:
                self.stdout.write(f"Model {model.number} signed")
