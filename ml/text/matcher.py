"""Names of terms found in a sentence, whatever the order and form of their words.

A name is looked for at each place of its rarest word. Its words may stand in another order ("fingers are short") and in
another form ("hypoplastic nails"); a word that it shares with a neighbour may stand once ("short fingers and toes").
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from ml.text.equivalents import key
from ml.text.lexicons import lines
from ml.text.morphology import lemma, stem
from ml.text.names import COORDINATORS, Name, NameIndex, content_words
from ml.text.tokens import Token

# Content words that may stand between a shared word and its second partner.
_LONGEST_COORDINATION = 4
_REACH = 8
_NEARLY = 0.02
_ENUMERATED = 0.92
# "Ataxia" is also said as "ataxic"; but "inactivated" says something else than "inactivity".
_ADJECTIVES = ("ic", "ous", "otic", "oid", "ia")
_BREAKS = frozenset(":()[]{}")


@dataclass(frozen=True, slots=True)
class Match:
    """A term found at some of the words of a sentence; `places` are indexes into the sentence."""

    term: str
    places: frozenset[int]
    score: float
    weight: float
    is_coordinated: bool = False
    is_enumerated: bool = False


@lru_cache(maxsize=2)
def _modifiers(language: str) -> frozenset[str]:
    return frozenset(lines(f"modifiers.{language}.txt"))


def find(sentence: Sequence[Token], index: NameIndex) -> list[Match]:
    """The most specific matches: of one place the best name, and none that lies wholly within another."""
    return _most_specific(_Sentence(sentence, index).matches(), index.depth)


class _Sentence:
    def __init__(self, tokens: Sequence[Token], index: NameIndex) -> None:
        self._tokens = tokens
        self._index = index
        self._language = index.language
        self._is_content = content_words([token.word for token in tokens], index.language)
        self._keys = [
            key(token.word, index.language) if content else ""
            for token, content in zip(tokens, self._is_content, strict=True)
        ]
        self._where: dict[str, list[int]] = {}
        for i, k in enumerate(self._keys):
            if k:
                self._where.setdefault(k, []).append(i)
        # how many content words stand before each place
        self._rank = [0]
        for content in self._is_content:
            self._rank.append(self._rank[-1] + content)

    def matches(self) -> list[Match]:
        found = []
        for anchor, places in self._where.items():
            for name in self._index.by_anchor.get(anchor, ()):
                if all(k in self._where for k in name.keys):
                    for place in places:
                        match = self._match(name, anchor, place)
                        if match is not None:
                            found.append(match)
        return found

    def _match(self, name: Name, anchor: str, place: int) -> Match | None:
        chosen = self._places(name, anchor, place)
        if chosen is None:
            return None
        order = sorted(chosen)
        in_order = chosen == order
        structure = self._structure(order, in_order, name)
        if structure is None:
            return None
        similarity = sum(
            self._similarity(word, self._tokens[i].word) for word, i in zip(name.words, chosen, strict=True)
        ) / len(chosen)
        if len(chosen) == 1 and not self._is_same_word(name, self._tokens[place].word):
            return None
        score = name.weight * similarity * structure * (1.0 if in_order else 0.96)
        return Match(
            name.term,
            frozenset(chosen),
            round(score, 4),
            name.weight,
            name.is_coordinated,
            structure < _ENUMERATED + 0.001,
        )

    def _places(self, name: Name, anchor: str, place: int) -> list[int] | None:
        """For each word of the name the free place that is nearest to the anchor's."""
        used = {place}
        chosen = []
        pending = True
        for k in name.keys:
            if k == anchor and pending:
                chosen.append(place)
                pending = False
                continue
            nearest = self._nearest(self._where[k], place, used)
            if nearest is None:
                return None
            used.add(nearest)
            chosen.append(nearest)
        return chosen

    def _nearest(self, places: Sequence[int], place: int, used: set[int]) -> int | None:
        at = bisect_left(places, place)
        best = None
        for i in places[max(0, at - 3) : at + 4]:
            distance = abs(self._rank[i] - self._rank[place])
            if i not in used and distance <= _REACH and (best is None or distance < best[0]):
                best = (distance, i)
        return None if best is None else best[1]

    def _structure(self, order: Sequence[int], in_order: bool, name: Name) -> float | None:
        """How well the words hang together, or None when they belong to different phrases."""
        factor = 1.0
        coordinations = 0
        for left, right in pairwise(order):
            between = range(left + 1, right)
            gap = [i for i in between if self._is_content[i]]
            if self._breaks(left, right):
                return None
            if not gap:
                if self._is_joined(left, right) and not name.is_coordinated:
                    return None
                continue
            if all(self._tokens[i].word in _modifiers(self._language) for i in gap) and not self._is_joined(
                left, right
            ):
                factor *= 0.97
                continue
            coordinations += 1
            if coordinations > 1 or len(gap) > _LONGEST_COORDINATION:
                return None
            if not in_order or not self._is_shared(left, gap, right, name):
                return None
            factor *= _ENUMERATED
        return factor

    def _is_shared(self, left: int, gap: Sequence[int], right: int, name: Name) -> bool:
        """Whether the gap is an enumeration that shares its first word ("short fingers and toes") or its last
        ("renal, cardiac and skeletal anomalies"); each member but the one beside the shared word is a single word."""
        if self._is_joined(left, gap[0]):
            members = [left, *gap]
            joined = [self._is_joined(a, b) for a, b in pairwise(members)]
            return (
                not name.has_preposition
                and all(joined)
                and not self._is_joined(gap[-1], right)
                and (self._has_coordinator(left, right) or self._is_adjective(left, gap))
            )
        members = [*gap, right]
        joined = [self._is_joined(a, b) for a, b in pairwise(members)]
        # the first member may have a word of its own: "hypoplasia of the left maxilla and mandible"
        return all(joined[1:]) and joined[-1] and self._closes_enumeration(gap[-1], right)

    def _is_adjective(self, left: int, gap: Sequence[int]) -> bool:
        """Whether a word before a comma may belong to the noun after the next, as in "long, slender fingers"."""
        word = self._tokens[left].word
        return len(gap) == 1 and lemma(word) == word and self._keys[left] != "=abnormality"

    def _closes_enumeration(self, left: int, right: int) -> bool:
        """Whether "and" or "or" stands before a member or soon after, so that a comma does not end the phrase."""
        return self._has_coordinator(left, right + 3)

    def _has_coordinator(self, left: int, right: int) -> bool:
        """Whether "and", "or" or a slash stands among the words after `left`, up to `right`."""
        coordinators = COORDINATORS[self._language]
        return any(t.word in coordinators or "/" in t.before for t in self._tokens[left + 1 : right + 1])

    def _breaks(self, left: int, right: int) -> bool:
        return any(_BREAKS.intersection(self._tokens[i].before) for i in range(left + 1, right + 1))

    def _is_joined(self, left: int, right: int) -> bool:
        """Whether a comma, a slash, "and" or "or" stands between two neighbouring content words."""
        coordinators = COORDINATORS[self._language]
        return any(
            "," in self._tokens[i].before
            or "/" in self._tokens[i].before
            or (i < right and self._tokens[i].word in coordinators)
            for i in range(left + 1, right + 1)
        )

    def _is_same_word(self, name: Name, word: str) -> bool:
        """A name of one word is found as singular or plural, or as another form of a long word, never as a synonym."""
        known = name.words[0]
        if lemma(known, self._language) == lemma(word, self._language):
            return True
        if name.term not in self._index.phenotypes or stem(known, self._language) != stem(
            word, self._language
        ):
            return False
        return self._language == "es" or (
            len(word) > 3 and (word.endswith(_ADJECTIVES) or known.endswith(_ADJECTIVES))
        )

    def _similarity(self, name_word: str, text_word: str) -> float:
        language = self._language
        if name_word == text_word:
            return 1.0
        if lemma(name_word, language) == lemma(text_word, language):
            return 0.99
        return 0.95 if stem(name_word, language) == stem(text_word, language) else 0.88


def _most_specific(matches: Sequence[Match], depth: Mapping[str, int]) -> list[Match]:
    best: dict[frozenset[int], Match] = {}
    for match in matches:
        known = best.get(match.places)
        if known is None or _preference(match, depth) < _preference(known, depth):
            best[match.places] = match
    by_place: dict[int, list[frozenset[int]]] = {}
    for places in best:
        for place in places:
            by_place.setdefault(place, []).append(places)
    for places, match in list(best.items()):
        # "aplastic or hypoplastic nails" is two findings when each has a term of its own
        if match.is_coordinated and len(places) > 2:
            members = [other for other in best if other < places and len(other) > 1]
            if len(members) > 1 and frozenset().union(*members) == places:
                del best[places]
    return [
        match
        for places, match in best.items()
        if not any(
            places < other and other in best and not best[other].is_enumerated
            for other in by_place[min(places)]
        )
    ]


def _preference(match: Match, depth: Mapping[str, int]) -> tuple[float, int, float, str]:
    """Order among the terms that the same words may name: the closest name first, and of nearly as close ones the most
    general term, since it claims least."""
    return -round(match.score / _NEARLY), depth.get(match.term, 0), -match.score, match.term
