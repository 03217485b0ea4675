"""Findings that the name of a disease says (docs/adr/0014)."""

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
