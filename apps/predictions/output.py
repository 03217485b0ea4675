"""What of the engine's answer a stored prediction keeps, so that it can be shown later as it was."""

import json
from typing import Any

from apps.predictions.models import Prediction
from apps.predictions.priors import Choice
from ml.serving import DiseasePair, Predictor, Query, Sufficiency
from ml.serving import Prediction as EngineAnswer

COVERAGE = 0.9


def ask_engine(
    predictor: Predictor, query: Query, prior: Choice, listed: int
) -> tuple[dict[str, Any], float]:
    """(the `output` of a prediction, seconds): ids, codes and numbers; names are looked up when it is shown."""
    chosen = prior.for_engine(predictor)
    answer = predictor.predict(query, top=listed, prior=chosen, coverage=_coverage(predictor))
    output = _of_list(answer, prior)
    output["sufficiency"] = _of_sufficiency(predictor.sufficiency(query, prior=chosen))
    output["pairs"] = [_of_pair(pair) for pair in predictor.pairs(query, prior=chosen)]
    return output, answer.seconds


def canonical(value: Any) -> str:
    """The one text of a JSON value: what is equal has equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _coverage(predictor: Predictor) -> float:
    """How often a set shall hold the disease: 90 %, or what comes nearest of those that the model has."""
    return min(predictor.coverages, key=lambda coverage: abs(coverage - COVERAGE), default=COVERAGE)


def _of_list(answer: EngineAnswer, prior: Choice) -> dict[str, Any]:
    return {
        "ranking": [[ranked.id, ranked.probability] for ranked in answer.ranking],
        "prior": prior.as_json(),
        "groups": [
            {"label": group.label, "members": list(group.members), "probability": group.probability}
            for group in answer.groups
        ],
        "none_of_these": answer.none_of_these,
        "calibrated": answer.calibrated,
        "set": None
        if answer.set_coverage is None
        else {
            "coverage": answer.set_coverage,
            "size": answer.set_size,
            # The set holds the most probable diseases, so those of the list stand at its head.
            "listed": sum(ranked.in_set for ranked in answer.ranking),
        },
    }


def _of_sufficiency(found: Sufficiency) -> dict[str, Any]:
    return {
        "level": found.level,
        "detail": found.detail,
        "wanted": [[wanted.term, wanted.label] for wanted in found.wanted],
    }


def _of_pair(pair: DiseasePair) -> dict[str, Any]:
    return {
        "diseases": [pair.first, pair.second],
        "gain": pair.gain,
        "explained": [list(pair.explained_by_first), list(pair.explained_by_second)],
    }


def prior_of(prediction: Prediction) -> str:
    """Name of the prior that a prediction was made with; the first ones had but one."""
    stored = prediction.output.get("prior")
    return str(stored["name"]) if stored else "literature"


def named_in(prediction: Prediction) -> set[str]:
    """Ids of the diseases that a prediction names beside its list: in groups and in pairs."""
    output = prediction.output
    members = {member for group in output.get("groups", ()) for member in group["members"]}
    return members | {disease for pair in output.get("pairs", ()) for disease in pair["diseases"]}
