"""Text into sentences and words, without ever losing where they stood."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_PREFIXES = (
    "pre|post|non|sub|micro|macro|inter|intra|anti|hyper|hypo|multi|semi|peri|supra|infra|trans|uni|bi"
)
# A prefix with a hyphen is part of its word, as in "pre-auricular". "A-1" is one word too, no article and a number.
_WORD = re.compile(
    rf"(?<![^\W_])[a-z]-\d{{1,2}}(?![^\W_])|(?:(?<![^\W_])(?:{_PREFIXES})-(?=[a-z]{{3}}))?[^\W_]+(?:['’`](?=s\b)s)?"
)
# A full stop ends a sentence before a space, unless it belongs to an abbreviation.
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]+[)\]\"'»”’]*(?=\s|$)|;|\n[ \t]*(?=\n)|\n[ \t]*(?=[-*•·\d])")
_ABBREVIATION = re.compile(
    r"\b(?:dr|dra|mr|mrs|ms|prof|sr|sra|e\.g|i\.e|p\.ej|ej|vs|approx|aprox|fig|no|pt|pac|yrs?|mos?|wks?|cf|resp|ca|[a-z])$"
)
_PUNCTUATION = re.compile(r"[^\w\s]")
# No clinical sentence is this long; a text without full stops must not cost quadratic time.
_LONGEST_SENTENCE = 250


@dataclass(frozen=True, slots=True)
class Token:
    """A word: its folded form and its place in the folded text.

    `before` holds the punctuation between the previous word of the sentence and this one.
    """

    word: str
    start: int
    end: int
    before: str


@dataclass(frozen=True, slots=True)
class FoldedText:
    """Lower case without accents. `offsets[i]` is the place of folded character i in the original."""

    original: str
    folded: str
    offsets: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original text; accents that follow the last letter belong to it."""
        last = self.offsets[end - 1] + 1
        while last < len(self.original) and unicodedata.combining(self.original[last]):
            last += 1
        return self.offsets[start], last


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)
    return "".join(c for c in base.lower() if not unicodedata.combining(c))


def fold(text: str) -> FoldedText:
    """Lower case, no accents, compatible characters made plain."""
    if text.isascii():
        return FoldedText(text, text.lower(), range(len(text)))
    pieces: list[str] = []
    offsets: list[int] = []
    for i, character in enumerate(text):
        folded = _fold_character(character)
        pieces.append(folded)
        offsets.extend([i] * len(folded))
    return FoldedText(text, "".join(pieces), offsets)


def words_of(name: str) -> list[str]:
    """The folded words of a name."""
    return [_without_possessive(match.group()) for match in _WORD.finditer(fold(name).folded)]


def _without_possessive(word: str) -> str:
    word = word.replace("-", "")
    return word[:-2] if len(word) > 3 and word[-2] in "'’`" else word


def sentences(text: FoldedText) -> Iterator[list[Token]]:
    """The words, sentence by sentence; sentences without a word are left out."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text.folded) if _is_end(text.folded, match)]
    sentence: list[Token] = []
    last = 0
    boundary = 0
    for match in _WORD.finditer(text.folded):
        following = bisect_left(ends, match.start() + 1)
        if sentence and (following != boundary or len(sentence) >= _LONGEST_SENTENCE):
            yield sentence
            sentence = []
        boundary = following
        between = text.folded[last : match.start()] if sentence else ""
        before = "".join(_PUNCTUATION.findall(between))
        sentence.append(Token(_without_possessive(match.group()), match.start(), match.end(), before))
        last = match.end()
    if sentence:
        yield sentence


def _is_end(folded: str, match: re.Match[str]) -> bool:
    if match.group() != ".":
        return True
    return not _ABBREVIATION.search(folded, max(0, match.start() - 8), match.start())
