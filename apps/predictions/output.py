"""What of the engine's answer a stored prediction keeps, so that it can be shown later as it was."""

from typing import Any

from apps.predictions.models import Prediction
from apps.predictions.priors import Choice
from ml.serving import Prediction as EngineAnswer


def output_of(answer: EngineAnswer, prior: Choice) -> dict[str, Any]:
    """The `output` of a prediction: ids and numbers only; names are looked up when it is shown."""
    return {
        "ranking": [[ranked.id, ranked.probability] for ranked in answer.ranking],
        "prior": prior.as_json(),
        "groups": [
            {"label": group.label, "members": list(group.members), "probability": group.probability}
            for group in answer.groups
        ],
    }


def prior_of(prediction: Prediction) -> str:
    """Name of the prior that a prediction was made with; the first ones had but one."""
    stored = prediction.output.get("prior")
    return str(stored["name"]) if stored else "literature"
