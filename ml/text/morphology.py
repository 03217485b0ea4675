"""Word forms: `lemma` undoes the plural, `stem` also the ending that makes an adjective or a verb of a noun.

Both are rules over endings (lexicons/endings.*.txt), after the ways in which English and Spanish form medical words of
Latin and Greek; a stem only has to be the same for forms of one word, it need not be a word.
"""

from functools import lru_cache

from ml.text.lexicons import lines

# British into American spelling, and Greek letters as they sound.
_SPELLINGS = (
    ("ae", "e"), ("oe", "e"), ("tumour", "tumor"), ("colour", "color"), ("odour", "odor"), ("haviour", "havior"),
    ("meanour", "meanor"), ("lachrym", "lacrim"), ("sulph", "sulf"), ("fibre", "fiber"), ("centre", "center"),
    ("ph", "f"),
)  # fmt: skip
_SHORTEST_STEM = 4
# Other words than those that they would become.
_WHOLE = frozenset(
    {
        "limbic",
        "spinal",
        "spinning",
        "clonus",
        "clonal",
        "sorting",
        "slowing",
        "later",
        "optic",
        "acetic",
        "affect",
        "affected",
        "affecting",
    }
)


@lru_cache(maxsize=1)
def _irregular() -> dict[str, str]:
    return {line.split()[0]: line.split()[1] for line in lines("irregular.en.txt")}


@lru_cache(maxsize=2)
def _endings(language: str) -> tuple[tuple[str, str], ...]:
    return tuple((line.split()[0], "".join(line.split()[1:])) for line in lines(f"endings.{language}.txt"))


@lru_cache(maxsize=65536)
def lemma(word: str, language: str = "en") -> str:
    """The singular of a folded word. Spanish has no separate step: its stem takes number and gender away at once."""
    if language == "es" or len(word) < 4 or word.isdigit():
        return word
    if word in _irregular():
        return _irregular()[word]
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    if word.endswith("omata"):
        return word[:-2]
    if word.endswith("ae") and len(word) > 5:
        return word[:-1]
    if word.endswith(("ases", "oses", "eses", "yses")) and len(word) > 6:
        return (
            word[:-2] + "is"
            if not word.endswith(("diseases", "noses", "increases", "decreases"))
            else word[:-1]
        )
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "ps", "iceps")):
        return word[:-1]
    if word.endswith("ps") and not word.endswith("eps"):
        return word[:-1]
    return word


@lru_cache(maxsize=65536)
def stem(word: str, language: str = "en") -> str:
    """What the forms of one word have in common."""
    base = lemma(word, language)
    if base.isdigit() or len(base) <= 3 or base in _WHOLE:
        return base
    for spelling, plain in _SPELLINGS:
        base = base.replace(spelling, plain)
    for ending, left in _endings(language):
        if base.endswith(ending) and len(base) - len(ending) + len(left) >= _SHORTEST_STEM:
            base = base[: -len(ending)] + left
            break
    if len(base) > _SHORTEST_STEM and base[-1] == base[-2] and base[-1] not in "aeiouls":
        base = base[:-1]
    return base
