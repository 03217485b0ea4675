"""`manage.py prove_prediction ID`."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from apps.audit.proofs import prove_prediction


class Command(BaseCommand):
    help = "Print the inclusion proof of a prediction's event, which apps/audit/verifier.py checks by itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prediction", type=UUID)

    def handle(self, *args: Any, **options: Any) -> None:
        proof = prove_prediction(prediction_id=options["prediction"])
        if proof is None:
            raise CommandError("No such prediction, or its event waits to be sealed (see seal_audit --once).")
        self.stdout.write(json.dumps(proof))
