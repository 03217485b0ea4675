"""Phenotypic series by name: what OMIM numbers through ("Loeys-Dietz syndrome 2") is one series."""

import re
from collections import Counter
from collections.abc import Mapping

_NUMBER = re.compile(r"(,?\s+(type\s+)?(\d+[A-Z]{0,2}|[IVX]+[A-Z]?|[A-Z]))+$", re.IGNORECASE)
_SHORTEST = 6


def series_name(name: str) -> str:
    """The name without the number or letter at its end; the name itself where there is none."""
    return _NUMBER.sub("", name).rstrip(", ")


def series_of(names: Mapping[str, str]) -> dict[str, str]:
    """Disease id -> series, for series with at least two of the names; letter case is forgiven."""
    stems = {identity: series_name(name) for identity, name in names.items()}
    sizes = Counter(stem.casefold() for stem in stems.values())
    return {
        identity: stem
        for identity, stem in stems.items()
        if len(stem) >= _SHORTEST and sizes[stem.casefold()] > 1
    }
