"""Whether a patient's findings are enough to rank by, and what would help when they are not."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml.features.evidence import FloatArray
from ml.features.graph import TermGraph
from ml.serving.asking import Gains
from ml.serving.vocabulary import PHENOTYPIC_ABNORMALITY, Vocabulary

Level = Literal["sufficient", "few", "general", "outside", "none"]
MOST_WANTED = 3
# questions that together stand for a kind of finding
_PER_KIND = 5
# of the information that the best kind would give
_WORTH_NAMING = 0.3


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kind of finding that would help: an organ system or the like, with its term."""

    kind: str
    term: str
    label: str


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """Whether the list can be relied on.

    `level`: "sufficient"; "few" or "general" (the findings together tell too little, because they are few or because
    they fit very many diseases); "outside" (no disease of the model explains them); "none" (nothing to rank by).
    `detail` says so in a sentence; `wanted` are kinds of findings that would help, most telling first, where the
    findings are not sufficient.
    """

    level: Level
    detail: str
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds learned from published cases (`ml/training/trust.json` says how).

    `enough`: information of all findings (natural logarithm units) from which on more changes little. `specific`:
    information of one finding that fits few diseases. `explained`: share of the information that the best disease must
    explain.
    """

    enough: float
    specific: float
    explained: float


def level_of(limits: Limits, information: FloatArray, explained: float) -> Level:
    """The level for findings of some `information` [n], of which the best disease explains `explained` in all."""
    total = float(information.sum())
    # the root of all phenotypes tells nothing
    if total < 1e-3:
        return "none"
    if total < limits.enough:
        return "general" if float(information.max()) < limits.specific else "few"
    return "outside" if explained < limits.explained * total else "sufficient"


def detail_of(level: Level, n: int, contradictions: int) -> str:
    """The sentence that says what a level means for `n` findings that count."""
    findings, tell, fit, are = (
        ("1 finding", "tells", "fits", "is") if n == 1 else (f"{n} findings", "tell", "fit", "are")
    )
    sentence = {
        "sufficient": f"{findings} {tell} enough to rank diseases.",
        "few": f"{findings} {are} few: in most patients more is needed to find the disease.",
        "general": f"{findings} {fit} very many diseases: more specific ones are needed.",
        "outside": f"No disease of the model explains the {findings} well: the disease may not be described here, or "
        "there may be more than one.",
        "none": "No finding that tells anything is present: there is nothing to rank diseases by.",
    }[level]
    if contradictions:
        sentence += (
            f" {contradictions} absent {'finding contradicts' if contradictions == 1 else 'findings contradict'} "
            "present ones and did not count."
        )
    return sentence


class Kinds:
    """The organ systems and other main headings of the ontology."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._graph: TermGraph = vocabulary.graph
        root = self._graph.index[PHENOTYPIC_ABNORMALITY]
        self._kinds = frozenset(t for t, parents in enumerate(self._graph.parents) if root in parents)

    def wanted(self, gains: Gains) -> tuple[Wanted, ...]:
        """The headings under which the best questions tell most together."""
        total: dict[int, list[float]] = {}
        for k in np.lexsort((gains.terms, -gains.bits)).tolist():
            for kind in sorted(self._kinds & self._graph.closure(int(gains.terms[k])).keys()):
                best = total.setdefault(kind, [])
                if len(best) < _PER_KIND:
                    best.append(float(gains.bits[k]))
        ordered = sorted(((-sum(bits), kind) for kind, bits in total.items() if sum(bits) > 0))
        chosen = [kind for bits, kind in ordered[:MOST_WANTED] if bits <= _WORTH_NAMING * ordered[0][0]]
        return tuple(
            Wanted(_short(self._vocabulary.label(self._graph.ids[kind])), self._graph.ids[kind],
                   self._vocabulary.label(self._graph.ids[kind]))
            for kind in chosen
        )  # fmt: skip


def _short(label: str) -> str:
    """ "nervous system" for "Abnormality of the nervous system"."""
    for prefix in ("Abnormality of the ", "Abnormality of ", "Abnormal "):
        if label.startswith(prefix):
            return label.removeprefix(prefix)
    return label[:1].lower() + label[1:]
