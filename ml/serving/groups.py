"""Diseases that the findings cannot tell apart and that belong together: of one gene, or of one series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# a member is at most this many times less probable than the best one of its group
NEAR = 20.0
# before the name of a gene, in the label of a group
GENE = "gene "


@dataclass(frozen=True, slots=True)
class DiseaseGroup:
    """`label` is "gene FBN1" or the name of a series; `members` are ids, best first; `probability` their sum."""

    label: str
    members: tuple[str, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A group as indices of diseases."""

    label: str
    members: tuple[int, ...]
    probability: float


class Grouper:
    """Finds the groups of a ranked list.

    Diseases are allelic when one gene is known for both, and of one series when their names differ by a number or
    letter at the end only ("Loeys-Dietz syndrome 1", "... 2"). A group is the best disease of the list with such a
    bond, and all candidates with the same bond that are at most `NEAR` times less probable: those that the findings
    tell apart well stay out, so that a gene of many unlike diseases groups only those that fit this patient. Groups
    with fewer than two members in the list are not shown. A disease belongs to the most probable of its groups.
    """

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._bonds: list[tuple[str, ...]] = []
        spelling: dict[str, str] = {}
        members: dict[str, list[int]] = {}
        for number, record in enumerate(records):
            bonds = [f"{GENE}{gene}" for gene in record["genes"]]
            bonds += [spelling.setdefault(s.casefold(), s) for s in (record["series"],) if s]
            self._bonds.append(tuple(bonds))
            for bond in bonds:
                members.setdefault(bond.casefold(), []).append(number)
        self._members = {bond: np.array(numbers) for bond, numbers in members.items() if len(numbers) > 1}

    def groups(self, listed: Sequence[int], probability: NDArray[np.float64]) -> list[FoundGroup]:
        """The groups in a list of diseases (best first), in order of their best member."""
        free = set(listed)
        place = {disease: rank for rank, disease in enumerate(listed)}
        bonds: dict[str, list[int]] = {}
        for disease in listed:
            for bond in self._bonds[disease]:
                bonds.setdefault(bond, []).append(disease)
        candidates = []
        for bond, (best, *others) in bonds.items():
            if not others:
                continue
            numbers = self._members[bond.casefold()]
            near = numbers[probability[numbers] * NEAR >= probability[best]]
            near = near[np.argsort(-probability[near], kind="stable")]
            candidates.append((float(probability[near].sum()), bond, near.tolist()))
        found: list[FoundGroup] = []
        taken: set[int] = set()
        # the sort is stable, and genes come before series: of two groups of equal weight the gene names both
        for total, bond, near in sorted(candidates, key=lambda item: -item[0]):
            if taken.isdisjoint(near) and sum(disease in free for disease in near) >= 2:
                found.append(FoundGroup(bond, tuple(near), total))
                taken.update(near)
        return sorted(found, key=lambda group: min(place.get(d, len(listed)) for d in group.members))
