"""What a page shows of a stored prediction: names, numbers ready for bars, and where the model comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.knowledge.models import Disease
from apps.knowledge.selectors import names_of
from apps.predictions.models import Prediction
from apps.registry.selectors import released_at
from ml.serving import Contribution, Explanation

SHOWN = 10
TOP = 3
# Half a bar each for what speaks against and for, in units of the drawing.
_HALF = 50.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place of the list."""

    rank: int
    id: str
    name: str
    rarity: str
    probability: float

    @property
    def width(self) -> float:
        """Of its bar, out of 100."""
        return self.probability * 100


@dataclass(frozen=True, slots=True)
class Differential:
    """A prediction as it is shown: the first ten, then the others."""

    prediction: Prediction
    first: list[Candidate]
    others: list[Candidate]
    released: datetime | None
    knowledge: str
    is_calibrated: bool

    @property
    def n_findings(self) -> int:
        return len(self.prediction.input["present"]) + len(self.prediction.input["absent"])


@dataclass(frozen=True, slots=True)
class Past:
    """One line of a history: a prediction, its first diseases and who asked."""

    prediction: Prediction
    top: list[Candidate]
    requested_by: Any


@dataclass(frozen=True, slots=True)
class Bar:
    """A contribution with the signed bar that shows it: left of the middle against, right of it for."""

    contribution: Contribution
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """An explanation, parted into what speaks for a disease, against it, and neither."""

    explanation: Explanation
    supporting: list[Bar]
    opposing: list[Bar]
    neutral: list[Bar]

    @property
    def sources(self) -> tuple[str]:
        """The entry of the disease itself."""
        return (self.explanation.disease_id,)


def differential_of(prediction: Prediction, diseases: dict[str, Disease]) -> Differential:
    """The whole list of `prediction`; `diseases` from `diseases_of`."""
    candidates = _candidates(prediction, diseases, len(prediction.output["ranking"]))
    calibration = prediction.model.manifest["model"]["calibration"]
    return Differential(
        prediction=prediction,
        first=candidates[:SHOWN],
        others=candidates[SHOWN:],
        released=released_at(model=prediction.model),
        knowledge=prediction.model.knowledge_version.partition("+")[0],
        is_calibrated=bool(calibration.get("calibrated")),
    )


def past_of(
    predictions: Iterable[Prediction], diseases: dict[str, Disease], people: dict[UUID, Any]
) -> list[Past]:
    """Lines of a history; `people` are the accounts that can be named."""
    return [
        Past(row, _candidates(row, diseases, TOP), people.get(row.requested_by_id)) for row in predictions
    ]


def diseases_of(predictions: Iterable[tuple[Prediction, int]]) -> dict[str, Disease]:
    """By one query, the diseases among the first `n` of each of several (prediction, n)."""
    wanted = {disease_id for row, n in predictions for disease_id, _p in row.output["ranking"][:n]}
    return names_of(disease_ids=list(wanted))


def _candidates(prediction: Prediction, diseases: dict[str, Disease], n: int) -> list[Candidate]:
    found = []
    for rank, (disease_id, probability) in enumerate(prediction.output["ranking"][:n], start=1):
        disease = diseases.get(disease_id)
        name, rarity = (disease.name, disease.rarity) if disease else (disease_id, "")
        found.append(Candidate(rank, disease_id, name, rarity, probability))
    return found


def reasons_of(explanation: Explanation) -> Reasons:
    """Bars are drawn to the scale of the largest contribution."""
    largest = max((abs(c.weight) for c in explanation.contributions), default=0.0) or 1.0
    supporting, opposing, neutral = [], [], []
    for contribution in explanation.contributions:
        width = abs(contribution.weight) / largest * _HALF
        bar = Bar(contribution, _HALF if contribution.weight > 0 else _HALF - width, width)
        if width < 0.5:
            neutral.append(bar)
        elif contribution.weight > 0:
            supporting.append(bar)
        else:
            opposing.append(bar)
    return Reasons(explanation, supporting, opposing, neutral)
