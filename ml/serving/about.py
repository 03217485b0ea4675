"""What is said of a disease beside its findings: its inheritance, when it begins, which diseases are like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.serving.groups import GENE


@dataclass(frozen=True, slots=True)
class Statement:
    """Something published; `term` is its HPO id, or "" where `text` is Orphanet's word or a sentence of our own set.

    `frequency` as published ("3/5"), or ""; several are parted by semicolons.
    """

    text: str
    term: str
    frequency: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimilarDisease:
    """Another candidate; `bond` is what both share ("gene FBN1", the name of a series) or "".

    `similarity` is the cosine of both profiles of telling findings, 0 to 1.
    """

    id: str
    name: str
    bond: str
    similarity: float


@dataclass(frozen=True, slots=True)
class About:
    """What is known of one disease; each list may be empty."""

    inheritance: tuple[Statement, ...] = ()
    onset: tuple[Statement, ...] = ()
    similar: tuple[SimilarDisease, ...] = ()


class AboutTable:
    """The statements of a bundle: `lines`, one for each candidate; none where the bundle is older than they are."""

    def __init__(self, lines: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]]) -> None:
        self._lines = lines
        self._names = [record["name"] for record in records]
        self._numbers = {record["id"]: number for number, record in enumerate(records)}
        self._bonds = [_bonds(record) for record in records]

    def of(self, disease: int) -> About:
        """All of a candidate."""
        if not self._lines:
            return About()
        line = self._lines[disease]
        return About(
            _statements(line["inheritance"]),
            _statements(line["onset"]),
            tuple(self._similar(disease, identity, value) for identity, value in line["similar"]),
        )

    def _similar(self, disease: int, identity: str, value: float) -> SimilarDisease:
        other = self._numbers[identity]
        theirs = {bond.casefold() for bond in self._bonds[other]}
        shared = next((bond for bond in self._bonds[disease] if bond.casefold() in theirs), "")
        return SimilarDisease(identity, self._names[other], shared, value)


def bonds_of(records: Sequence[Mapping[str, Any]]) -> dict[int, set[int]]:
    """Candidate -> the others of one of its genes or of its series; without those that have none."""
    members: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        for bond in _bonds(record):
            members.setdefault(bond.casefold(), []).append(number)
    found: dict[int, set[int]] = {}
    for numbers in members.values():
        for number in numbers:
            found.setdefault(number, set()).update(numbers)
    return {number: others - {number} for number, others in found.items() if len(others) > 1}


def _bonds(record: Mapping[str, Any]) -> tuple[str, ...]:
    genes = tuple(f"{GENE}{gene}" for gene in record["genes"])
    return (*genes, record["series"]) if record["series"] else genes


def _statements(stated: Sequence[Mapping[str, Any]]) -> tuple[Statement, ...]:
    return tuple(
        Statement(one["text"], one["term"], one["frequency"], tuple(one["references"])) for one in stated
    )
