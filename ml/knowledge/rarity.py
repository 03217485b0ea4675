"""Marks a disease as rare where a source says so, and otherwise leaves it open."""

import re
from collections.abc import Mapping

ORPHANET = "Orphanet lists it ({}); Orphanet's nomenclature covers rare diseases, at most 1 in 2,000 people in Europe"


# mark and source of what our own set of common diseases holds, whatever else is said of it
COMMON = ("common", "Hoofbeat's set of common diseases, ml/knowledge/common")


def normalised_name(name: str) -> str:
    """Lower case, with punctuation and repeated blanks removed: what "the same name" means here."""
    return " ".join(re.sub(r"[^\w]+", " ", name.casefold()).split())


def rarity_marks(names: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Disease id -> (mark, source).

    An entry of Orphanet is rare by Orphanet's definition. A disease of another database gets the mark only when
    it has the name of exactly one entry of Orphanet; everything else stays unmarked.
    """
    by_name: dict[str, list[str]] = {}
    for identity, name in sorted(names.items()):
        if identity.startswith("ORPHA:"):
            by_name.setdefault(normalised_name(name), []).append(identity)
    marks: dict[str, tuple[str, str]] = {}
    for identity, name in names.items():
        if identity.startswith("ORPHA:"):
            marks[identity] = ("rare", ORPHANET.format(identity))
        elif len(same := by_name.get(normalised_name(name), [])) == 1:
            marks[identity] = ("rare", ORPHANET.format(f"{same[0]}, an entry of the same name"))
    return marks
