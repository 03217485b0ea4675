"""Abbreviations: those of HPO in capitals, and those that the note itself defines.

A definition in the note, "short stature (SS)", goes before HPO's: what the authors wrote out is what they mean, even
when it is no finding. How a long form is recognised follows Schwartz and Hearst (2003): each letter of the short form
is found in order in the words before the parenthesis, the first at the start of a word.
"""

import re
from collections.abc import Mapping, Sequence

from ml.text.matcher import Match
from ml.text.tokens import FoldedText, Token

_DEFINED = re.compile(r"\(([A-Z][A-Za-z0-9-]{1,7})s?\)")
_MOST_WORDS_PER_LETTER = 2
_LOOK_BACK = 200
_SCORE = 0.85


class Abbreviations:
    """The abbreviations of one note."""

    def __init__(self, text: str, known: Mapping[str, str]) -> None:
        self._known = known
        self._defined = {
            match.group(1)
            for match in _DEFINED.finditer(text)
            if _long_form(match.group(1), text[max(0, match.start() - _LOOK_BACK) : match.start()])
        }

    def find(self, sentence: Sequence[Token], text: FoldedText) -> list[Match]:
        """Known abbreviations of the sentence that the note does not define itself."""
        found = []
        for i, token in enumerate(sentence):
            start, end = text.span(token.start, token.end)
            short = text.original[start:end]
            identity = self._known.get(short) or self._known.get(short.removesuffix("s"))
            if identity is not None and short not in self._defined and not self._is_shouted(sentence, text):
                found.append(Match(identity, frozenset((i,)), _SCORE, _SCORE))
        return found

    @staticmethod
    def _is_shouted(sentence: Sequence[Token], text: FoldedText) -> bool:
        """Whether most words of the sentence are in capitals, so that capitals say nothing."""
        words = [text.original[text.offsets[t.start] : text.offsets[t.end - 1] + 1] for t in sentence]
        return len(words) > 3 and sum(word.isupper() for word in words) > len(words) / 2


def _long_form(short: str, before: str) -> str | None:
    letters = [c for c in short.lower() if c.isalnum()]
    words = re.findall(r"[^\W_]+", before)[-_MOST_WORDS_PER_LETTER * len(letters) :]
    tail = " ".join(words).lower()
    at = len(tail)
    for n, letter in enumerate(reversed(letters)):
        is_first = n == len(letters) - 1
        at -= 1
        while at >= 0 and (tail[at] != letter or (is_first and at > 0 and tail[at - 1] != " ")):
            at -= 1
        if at < 0:
            return None
    return tail[at:]
