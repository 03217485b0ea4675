"""Making a stored prediction again, from what was stored, to show that it came about as the history says."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.accounts.actors import Actor
from apps.accounts.selectors import in_each_organisation
from apps.audit.services import record_event
from apps.core.problems import Unavailable
from apps.predictions.models import Prediction
from apps.predictions.output import ask_engine, canonical
from apps.predictions.priors import stored_prior
from apps.predictions.services import LISTED
from apps.registry.running import predictor_of

MODEL, INPUT, OUTPUT = "model", "input", "output"


@dataclass(frozen=True, slots=True)
class Reproduced:
    """The prediction with its hashes (SHA-256 over canonical JSON; "" where nothing could be made), and what differs.

    Each difference is (one of MODEL, INPUT, OUTPUT, a sentence).
    """

    prediction: Prediction
    input_hash: str
    output_hash: str
    output_hash_now: str
    differences: tuple[tuple[str, str], ...]


def reproduce_prediction(*, actor: Actor, prediction_id: UUID) -> Reproduced | None:
    """Make the prediction again with its own model and prior; None when there is none, as after an erasure."""
    found = in_each_organisation(lambda _organisation_id: _reproduce_here(actor, prediction_id))
    return next((reproduced for reproduced in found if reproduced is not None), None)


@transaction.atomic
def _reproduce_here(actor: Actor, prediction_id: UUID) -> Reproduced | None:
    prediction = Prediction.objects.select_related("model", "case").filter(pk=prediction_id).first()
    if prediction is None:
        return None
    record_event(
        actor=actor,
        action="prediction.reproduce",
        object_type="prediction",
        object_ids=[prediction.pk],
        patient_ids=[prediction.case.patient_id] if prediction.case else [],
    )
    output, differences = make_again(prediction)
    return Reproduced(
        prediction,
        _hash(prediction.input),
        _hash(prediction.output),
        "" if output is None else _hash(output),
        tuple(differences),
    )


def make_again(prediction: Prediction) -> tuple[Any, list[tuple[str, str]]]:
    """(the output, or None where nothing could be made, what differs), for whoever records that he looked."""
    model = prediction.model
    if model.artefact_hash != prediction.model_hash:
        detail = (
            f"The prediction names artefact {prediction.model_hash}, but model {model.number} is another one."
        )
        return None, [(MODEL, detail)]
    try:
        predictor = predictor_of(model)
    except Unavailable as error:
        why = f" ({error.__cause__})" if error.__cause__ else ""
        return None, [(MODEL, f"Model {model.number} cannot be loaded{why}.")]
    query = predictor.resolve(**prediction.input)
    understood = {
        "present": list(query.present),
        "absent": list(query.absent),
        "uncertain": list(query.uncertain),
        "sex": query.sex,
    }
    stored = {name: prediction.input.get(name, []) for name in understood}
    if understood != stored:
        changed = ", ".join(name for name in understood if understood[name] != stored[name])
        return None, [(INPUT, f"Model {model.number} understands the stored input otherwise: {changed}.")]
    output, _seconds = ask_engine(predictor, query, stored_prior(prediction.output.get("prior")), LISTED)
    output = _as_stored(output)
    parts = list(_different_parts(prediction.output, output))
    return output, [(OUTPUT, f"The answer differs in: {', '.join(parts)}.")] if parts else []


def _different_parts(stored: dict[str, Any], made: dict[str, Any]) -> Iterator[str]:
    for name in sorted(stored.keys() | made.keys()):
        if name not in stored or name not in made or canonical(stored[name]) != canonical(made[name]):
            yield name


def _as_stored(output: dict[str, Any]) -> dict[str, Any]:
    """As PostgreSQL gives it back: its numbers know neither exponents nor minus zero."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(output)])
        (text,) = cursor.fetchone() or ("{}",)
    stored: dict[str, Any] = json.loads(text)
    return stored


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
