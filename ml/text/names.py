"""The names of all terms, indexed by the rarest word of each."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ml.knowledge import Term
from ml.knowledge.model import PHENOTYPIC_ABNORMALITY, ROOT
from ml.text.equivalents import key
from ml.text.tokens import fold, words_of

MODE_OF_INHERITANCE = "HP:0000005"
CLINICAL_COURSE = "HP:0031797"
ONSET = "HP:0003674"

COORDINATORS = {"en": frozenset({"and", "or"}), "es": frozenset({"y", "e", "o", "u", "ni"})}
# Words that a name may have or lack.
FUNCTION_WORDS = {
    "en": frozenset(
        {"of", "the", "in", "a", "an", "on", "at", "is", "are", "was", "were", "his", "her", "their"}
    )
    | COORDINATORS["en"],
    "es": frozenset(
        {
            "de",
            "del",
            "la",
            "el",
            "los",
            "las",
            "en",
            "un",
            "una",
            "unos",
            "unas",
            "al",
            "es",
            "son",
            "su",
            "sus",
            "lo",
        }
    )
    | COORDINATORS["es"],
}
_SCOPES = {"EXACT": 0.98, "RELATED": 0.85, "NARROW": 0.85, "BROAD": 0.75}
# Names that in running text nearly always mean something else.
_AMBIGUOUS = frozenset({
    "all", "corn", "mole", "moles", "onset", "anger", "sad", "limp", "shock", "piles", "falls", "abnormality",
    "finding",
    "pain", "history", "course", "death", "progressive", "imprinted", "transient", "recurrent", "prolonged",
    "episodic", "periodic", "inheritance", "inherited", "mitochondrial", "stable", "acute", "chronic", "variable",
    "lesion", "male", "female", "sign", "symptom", "curvature", "dependence", "tired",
    "acidity", "overgrown", "gestalt",
})  # fmt: skip
# Alone, such words name no finding.
_GENERIC = frozenset(
    {
        "=abnormality",
        "=absent",
        "=increase",
        "=decrease",
        "=anomalia",
        "=ausencia",
        "=aumento",
        "=disminucion",
    }
)
_ABBREVIATION = re.compile(r"(?=(?:[^A-Z]*[A-Z]){2})[A-Za-z0-9-]{2,6}")
_SHORTEST_ABBREVIATION = 3
_PREPOSITIONS = frozenset({"of", "in", "de", "del", "en"})
_BEFORE_LETTER = frozenset({"type", "vitamin", "hepatitis", "group", "tipo", "vitamina", "grupo"})


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a term: its content words as written and as keys, in order; `weight` is lower for loose synonyms."""

    term: str
    words: tuple[str, ...]
    keys: tuple[str, ...]
    weight: float
    is_coordinated: bool
    has_preposition: bool


@dataclass(frozen=True)
class NameIndex:
    """`by_anchor`: rarest key -> names; `abbreviations`: exact capitals -> term; `phenotypes`: ids below HP:0000118."""

    language: str
    by_anchor: Mapping[str, tuple[Name, ...]]
    abbreviations: Mapping[str, str]
    labels: Mapping[str, str]
    phenotypes: frozenset[str]
    depth: Mapping[str, int]


def build_index(
    terms: Iterable[Term], language: str, named: Iterable[tuple[str, str, float]] | None = None
) -> NameIndex:
    """Index the labels and synonyms of the findings (and inheritance, onset, course), or the names given instead.

    `named` holds (term id, name, weight).
    """
    terms = [term for term in terms if not term.obsolete]
    phenotypes = below(terms, PHENOTYPIC_ABNORMALITY)
    wanted = (phenotypes | below(terms, MODE_OF_INHERITANCE) | below(terms, CLINICAL_COURSE)) - {
        ROOT, PHENOTYPIC_ABNORMALITY, CLINICAL_COURSE, MODE_OF_INHERITANCE, ONSET,
    }  # fmt: skip
    labels = {term.id: term.label for term in terms if term.id in wanted}
    if named is None:
        named = [
            row
            for term in terms
            for row in (
                (term.id, term.label, 1.0),
                *((term.id, s.text, _SCOPES.get(s.scope, 0.8)) for s in term.synonyms),
            )
        ]
    names: dict[tuple[str, tuple[str, ...]], Name] = {}
    abbreviations: dict[str, set[str]] = {}
    for identity, text, weight in named:
        if identity not in wanted:
            continue
        if _ABBREVIATION.fullmatch(text):
            if len(text) >= _SHORTEST_ABBREVIATION:
                abbreviations.setdefault(text, set()).add(identity)
            continue
        for name in _variants(identity, text, weight, language):
            known = names.get((identity, name.words))
            if known is None or known.weight < name.weight:
                names[identity, name.words] = name
    frequency = Counter(k for name in names.values() for k in set(name.keys))
    by_anchor: dict[str, list[Name]] = {}
    for name in names.values():
        anchor = min(name.keys, key=lambda k: (frequency[k], k))
        by_anchor.setdefault(anchor, []).append(name)
    unambiguous = {text: min(ids) for text, ids in abbreviations.items() if len(ids) == 1}
    return NameIndex(
        language,
        {k: tuple(v) for k, v in by_anchor.items()},
        unambiguous,
        labels,
        frozenset(phenotypes),
        _depths(terms),
    )


def content_words(words: Sequence[str], language: str) -> list[bool]:
    """Which words count; a letter after "type" or "vitamin" does, though it looks like an article."""
    return [
        word not in FUNCTION_WORDS[language] or (len(word) == 1 and i > 0 and words[i - 1] in _BEFORE_LETTER)
        for i, word in enumerate(words)
    ]


def _variants(identity: str, text: str, weight: float, language: str) -> Iterable[Name]:
    plain = re.sub(r"\s*\([A-Z]{2,}\)", "", text)
    name = _name(identity, plain, weight, language)
    if name is None:
        return
    yield name
    # "abnormal kidney morphology" is said as "kidney abnormality"
    if "morphology" in name.words and "=abnormality" in name.keys and len(name.keys) > 2:
        kept = [i for i, word in enumerate(name.words) if word != "morphology"]
        words, keys = tuple(name.words[i] for i in kept), tuple(name.keys[i] for i in kept)
        yield replace(name, words=words, keys=keys, weight=weight * 0.98)


def _name(identity: str, text: str, weight: float, language: str) -> Name | None:
    words = words_of(text)
    is_content = content_words(words, language)
    content = tuple(word for word, kept in zip(words, is_content, strict=True) if kept)
    if not content:
        return None
    if len(content) == 1 and (
        content[0] in _AMBIGUOUS or len(content[0]) < 3 or key(content[0], language) in _GENERIC
    ):
        return None
    coordinated = any(word in COORDINATORS[language] for word in words) or bool(
        re.search(r"[,/]", fold(text).folded)
    )
    keys = tuple(key(word, language) for word in content)
    return Name(identity, content, keys, weight, coordinated, not _PREPOSITIONS.isdisjoint(words))


def _depths(terms: Iterable[Term]) -> dict[str, int]:
    """Steps from the root, by the shortest way."""
    children: dict[str, list[str]] = {}
    for term in terms:
        for parent in term.parents:
            children.setdefault(parent, []).append(term.id)
    depth = {ROOT: 0}
    queue = [ROOT]
    for identity in queue:
        for child in children.get(identity, ()):
            if child not in depth:
                depth[child] = depth[identity] + 1
                queue.append(child)
    return depth


def below(terms: Iterable[Term], root: str) -> set[str]:
    children: dict[str, list[str]] = {}
    for term in terms:
        for parent in term.parents:
            children.setdefault(parent, []).append(term.id)
    found: set[str] = set()
    stack = [root]
    while stack:
        identity = stack.pop()
        if identity not in found:
            found.add(identity)
            stack.extend(children.get(identity, ()))
    return found
