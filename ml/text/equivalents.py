"""Different words for one thing, such as the Latin adjective of an English noun (lexicons/equivalents.*.txt).

A match through one of them scores lower than the same words.
"""

from functools import lru_cache

from ml.text.lexicons import lines
from ml.text.morphology import lemma, stem


@lru_cache(maxsize=2)
def classes(language: str) -> dict[str, str]:
    """Word form -> the name of its group. English forms are all listed; Spanish ones are compared by stem."""
    found: dict[str, str] = {}
    for line in lines(f"equivalents.{language}.txt"):
        words = line.split()
        for word in words:
            found.setdefault(_form(word, language), f"={words[0]}")
    return found


@lru_cache(maxsize=65536)
def key(word: str, language: str = "en") -> str:
    """What a word is looked up by: its group, else its stem."""
    return classes(language).get(_form(word, language)) or stem(word, language)


def _form(word: str, language: str) -> str:
    return lemma(word) if language == "en" else stem(word, language)
