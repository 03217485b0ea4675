"""English or Spanish, told by their commonest words (lexicons/common.*.txt) and endings."""

import re
from functools import lru_cache

from ml.text.lexicons import lines

LANGUAGES = ("en", "es")
# Endings that one of the two hardly has, for a text of bare nouns; each counts half a common word.
_ENDINGS = {
    "en": ("tion", "ity", "ness", "ing", "ed", "ly", "th"),
    "es": ("cion", "idad", "osis", "ias", "ico", "ica", "ado", "ada"),
}
_ENOUGH = 5_000


def detect(folded: str) -> str:
    """The language of a folded text; English when nothing tells."""
    words = re.findall(r"[^\W\d_]+", folded[:_ENOUGH])
    counts = {
        language: sum(word in _common(language) for word in words)
        + 0.5 * sum(word.endswith(_ENDINGS[language]) for word in words)
        for language in LANGUAGES
    }
    return "es" if counts["es"] > counts["en"] else "en"


@lru_cache(maxsize=2)
def _common(language: str) -> frozenset[str]:
    return frozenset(lines(f"common.{language}.txt"))
