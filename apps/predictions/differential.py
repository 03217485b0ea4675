"""What a page shows of a stored prediction: names, numbers ready for bars, and where the model comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.knowledge.models import Disease
from apps.knowledge.selectors import labels_of, names_of
from apps.knowledge.translations import label_for_reader
from apps.predictions.models import Prediction
from apps.predictions.output import named_in, prior_of
from apps.predictions.services import Explained
from apps.registry.selectors import released_at
from ml.serving import Contribution, Explanation
from ml.serving.groups import GENE

SHOWN = 10
TOP = 3
# Half a bar each for what speaks against and for, in units of the drawing.
_HALF = 50.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One disease of the list; `other_ids` mean it, too."""

    rank: int
    id: str
    name: str
    rarity: str
    probability: float
    other_ids: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        """Of its bar, out of 100."""
        return self.probability * 100


@dataclass(frozen=True, slots=True)
class Group:
    """Diseases that the findings hardly tell apart, of one gene (`gene`) or of one series (`series`), best first.

    `size` counts all of them, also those too improbable for the list.
    """

    gene: str
    series: str
    probability: float
    members: list[Candidate]
    size: int

    @property
    def width(self) -> float:
        """Of its bar, out of 100."""
        return self.probability * 100

    @property
    def n_hidden(self) -> int:
        return self.size - len(self.members)


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the list: a disease, or a group in the place that its probability gives it.

    `in_set`: it is, or holds, a disease of the set that holds the right one as often as it says.
    """

    number: int
    candidate: Candidate | None
    group: Group | None
    in_set: bool


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """Whether the findings are enough, by code; `wanted` are (term id, label) of kinds of findings that would help."""

    level: str
    wanted: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two diseases that together explain more than any single one; the findings that each explains better."""

    first: str
    second: str
    of_first: list[str]
    of_second: list[str]
    gain: float


@dataclass(frozen=True, slots=True)
class Differential:
    """A prediction as it is shown: the lines of the set, if they are few, the first ten lines, then the others.

    `coverage` and `set_size` are of that set, also where it is too large to be shown as one; `none_of_these` is the
    probability that no disease known here is it. All are None where the engine did not say.
    """

    prediction: Prediction
    boxed: list[Place]
    first: list[Place]
    others: list[Place]
    candidates: list[Candidate]
    released: datetime | None
    knowledge: str
    is_calibrated: bool
    prior: str
    sufficiency: Sufficiency | None
    pairs: list[Pair]
    coverage: float | None
    set_size: int | None
    none_of_these: float | None

    @property
    def n_findings(self) -> int:
        return len(self.prediction.input["present"]) + len(self.prediction.input["absent"])


@dataclass(frozen=True, slots=True)
class Past:
    """One line of a history: a prediction, its first diseases and who asked."""

    prediction: Prediction
    top: list[Candidate]
    requested_by: Any
    prior: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A contribution with the signed bar that shows it: left of the middle against, right of it for."""

    contribution: Contribution
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """An explanation, parted into what speaks for a disease, against it, and neither."""

    explained: Explained
    explanation: Explanation
    supporting: list[Bar]
    opposing: list[Bar]
    neutral: list[Bar]

    @property
    def nearest(self) -> list[tuple[tuple[str, ...], float, list[str]]]:
        """Publications, similarity and labels of what is shared, of each nearest case."""
        labels = self.explained.shared
        return [
            (
                case.publications,
                case.similarity,
                [label_for_reader(term_id=term_id, label=labels[term_id]) for term_id in case.shared],
            )
            for case in self.explanation.nearest_cases
        ]

    @property
    def sources(self) -> tuple[str, ...]:
        """The entries of the disease itself, in every database that has one."""
        return self.explained.ids


def differential_of(prediction: Prediction, diseases: dict[str, Disease]) -> Differential:
    """The whole list of `prediction`; `diseases` from `diseases_of`."""
    candidates = _candidates(prediction, diseases, len(prediction.output["ranking"]))
    places = _places(prediction, candidates)
    calibration = prediction.model.manifest["model"]["calibration"]
    output = prediction.output
    within = output.get("set")
    boxed = [place for place in places if place.in_set]
    if within is None or len(boxed) > SHOWN or within["size"] > within["listed"]:
        boxed = []
    return Differential(
        prediction=prediction,
        boxed=boxed,
        first=places[len(boxed) : SHOWN],
        others=places[SHOWN:],
        candidates=candidates,
        released=released_at(model=prediction.model),
        knowledge=prediction.model.knowledge_version.partition("+")[0],
        is_calibrated=bool(output.get("calibrated", calibration.get("calibrated"))),
        prior=prior_of(prediction),
        sufficiency=_sufficiency(prediction),
        pairs=_pairs(prediction, diseases),
        coverage=within["coverage"] if within else None,
        set_size=within["size"] if within else None,
        none_of_these=output.get("none_of_these"),
    )


def _sufficiency(prediction: Prediction) -> Sufficiency | None:
    stored = prediction.output.get("sufficiency")
    if stored is None:
        return None
    return Sufficiency(stored["level"], [(term_id, label) for term_id, label in stored["wanted"]])


def _pairs(prediction: Prediction, diseases: dict[str, Disease]) -> list[Pair]:
    stored = prediction.output.get("pairs") or []
    ids = {term_id for pair in stored for explained in pair["explained"] for term_id in explained}
    labels = labels_of(term_ids=list(ids)) if ids else {}
    pairs = []
    for pair in stored:
        first, second = (diseases[i].name if i in diseases else i for i in pair["diseases"])
        of_first, of_second = (
            [label_for_reader(term_id=i, label=labels.get(i, i)) for i in explained]
            for explained in pair["explained"]
        )
        pairs.append(Pair(first, second, of_first, of_second, pair["gain"]))
    return pairs


def _places(prediction: Prediction, candidates: list[Candidate]) -> list[Place]:
    """Lines in order of probability, those of the set first, with each group as one line."""
    within = (prediction.output.get("set") or {"listed": 0})["listed"]
    by_id = {candidate.id: candidate for candidate in candidates}
    lines: list[tuple[bool, float, Candidate | None, Group | None]] = []
    for stored in prediction.output.get("groups", ()):
        members = [by_id.pop(disease_id) for disease_id in stored["members"] if disease_id in by_id]
        gene = stored["label"].removeprefix(GENE) if stored["label"].startswith(GENE) else ""
        group = Group(
            gene, "" if gene else stored["label"], stored["probability"], members, len(stored["members"])
        )
        in_set = any(member.rank <= within for member in members)
        lines.append((in_set, group.probability, None, group))
    lines += [(row.rank <= within, row.probability, row, None) for row in by_id.values()]
    lines.sort(key=lambda line: (not line[0], -line[1]))
    return [
        Place(number, candidate, group, in_set)
        for number, (in_set, _p, candidate, group) in enumerate(lines, start=1)
    ]


def past_of(
    predictions: Iterable[Prediction], diseases: dict[str, Disease], people: dict[UUID, Any]
) -> list[Past]:
    """Lines of a history; `people` are the accounts that can be named."""
    return [
        Past(row, _candidates(row, diseases, TOP), people.get(row.requested_by_id), prior_of(row))
        for row in predictions
    ]


def diseases_of(predictions: Iterable[tuple[Prediction, int]]) -> dict[str, Disease]:
    """By one query, the diseases among the first `n` of each of several (prediction, n), and all of a whole one."""
    wanted = set()
    for row, n in predictions:
        wanted |= {disease_id for disease_id, _p in row.output["ranking"][:n]}
        if n == len(row.output["ranking"]):
            wanted |= named_in(row)
    return names_of(disease_ids=list(wanted))


def _candidates(prediction: Prediction, diseases: dict[str, Disease], n: int) -> list[Candidate]:
    found = []
    for rank, (disease_id, probability) in enumerate(prediction.output["ranking"][:n], start=1):
        disease = diseases.get(disease_id)
        name, rarity = (disease.name, disease.rarity) if disease else (disease_id, "")
        others = tuple(other for other in disease.ids if other != disease_id) if disease else ()
        found.append(Candidate(rank, disease_id, name, rarity, probability, others))
    return found


def reasons_of(explained: Explained) -> Reasons:
    """Bars are drawn to the scale of the largest contribution."""
    explanation = explained.explanation
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
    return Reasons(explained, explanation, supporting, opposing, neutral)
