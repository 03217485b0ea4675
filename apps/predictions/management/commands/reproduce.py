"""`manage.py reproduce PREDICTION_ID`"""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.actors import SYSTEM
from apps.predictions.reproduction import INPUT, MODEL, OUTPUT, reproduce_prediction

# 1 and 2 are Python's and argparse's own.
_EXIT = {MODEL: 3, INPUT: 4, OUTPUT: 5}


class Command(BaseCommand):
    help = (
        "Make a stored prediction again from its stored input, model and prior, and compare bit for bit. Exits with 0 "
        "when all is the same, 1 when there is no such prediction, 3 when its model cannot be had as it was, 4 when "
        "the model understands the input otherwise, 5 when the answer differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prediction_id", type=UUID)

    def handle(self, *args: Any, prediction_id: UUID, **options: Any) -> None:
        made = reproduce_prediction(actor=SYSTEM, prediction_id=prediction_id)
        if made is None:
            raise CommandError(f"There is no prediction {prediction_id}; it may have been erased.")
        prediction = made.prediction
        self.stdout.write(f"Model {prediction.model.number}, artefact {prediction.model_hash}")
        self.stdout.write(f"Input   {made.input_hash}")
        self.stdout.write(f"Output  {made.output_hash} as stored")
        if made.output_hash_now:
            self.stdout.write(f"        {made.output_hash_now} as made now")
        if made.differences:
            sentences = " ".join(sentence for _kind, sentence in made.differences)
            raise CommandError(sentences, returncode=_EXIT[made.differences[0][0]])
        self.stdout.write("The same, bit for bit.")
