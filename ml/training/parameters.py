"""The global constants of the model, with where they come from: `parameters.json`."""

import importlib.resources
import json
from typing import Any

from ml.training.likelihood import FindingLikelihood
from ml.training.nearest import NearestCase
from ml.training.offset import DiseaseOffset
from ml.training.profiles import ProfileEstimator
from ml.training.ranker import PhenotypeRanker
from ml.training.trust import reliability_of


def read_parameters() -> dict[str, Any]:
    """The parameters that ship with this version, and their provenance."""
    text = (importlib.resources.files("ml.training") / "parameters.json").read_text(encoding="utf-8")
    parameters: dict[str, Any] = json.loads(text)
    return parameters


def new_ranker(parameters: dict[str, Any], trust: dict[str, Any] | None = None) -> PhenotypeRanker:
    """An unfitted ranker; without a set of `ml.training.trust` its probabilities are not calibrated."""
    return PhenotypeRanker(
        profiles=ProfileEstimator(**parameters["profiles"]),
        likelihood=FindingLikelihood(**parameters["likelihood"]),
        offset=DiseaseOffset(**parameters["offset"]),
        nearest=NearestCase(**parameters["nearest"]),
        reliability=reliability_of(trust),
    )
