"""What the name of a disease says: findings that it names, and the series that it belongs to (docs/adr/0014)."""

import re
from collections.abc import Iterable

from ml.knowledge import Term
from ml.text import Extractor, InvalidNote

# What disease names say in other words than HPO. "With or without" some patients have it: enough to borrow.
_REWORDED = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\bintellectual developmental disorder\b", "intellectual disability"),
        (r"\bmental retardation\b", "intellectual disability"),
        (r"\bdevelopmental and epileptic\b", "global developmental delay and epileptic"),
        (r"\bwith( or |/)without\b", "with"),
    )
)
_ORDINAL = r"(?:\d{1,3}[a-z]{0,2}|[ivx]{1,5}[a-z]?|[a-z]\d{0,2})"
_AT_THE_END = re.compile(rf"(?:\s(?:type|group|form|complementation group))?\s{_ORDINAL}$")
_INSIDE = re.compile(r"(.*?)\s(?:type\s)?\d{1,3}[a-z]?\s.*$")


class NameReader:
    """Finds HPO terms in names of diseases."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self._extractor = Extractor(terms)
        self._known: dict[str, frozenset[str]] = {}

    def findings(self, name: str) -> frozenset[str]:
        """Ids of the phenotypes that a name says are present."""
        if name not in self._known:
            text = name
            for pattern, words in _REWORDED:
                text = pattern.sub(words, text)
            try:
                self._known[name] = frozenset(self._extractor.extract(text, "en").present)
            except InvalidNote:  # a name without words
                self._known[name] = frozenset()
        return self._known[name]


def series_of(name: str) -> str:
    """The name without its number or letter in a series: "retinitis pigmentosa" of "Retinitis pigmentosa 6".

    The whole name, in lower case, where there is none.
    """
    plain = re.sub(r"[^\w/]+", " ", name.casefold()).strip()
    shorter = _AT_THE_END.sub("", plain)
    if shorter == plain and (inside := _INSIDE.match(plain)):
        return inside.group(1)
    return shorter
