"""Full-text search that forgives typing errors.

Each word that was typed stands for the words that begin with it. When there are none, it is taken for mistyped, and the
words nearest to it take its place: those that share trigrams with it (pg_trgm), by edit distance, then by how often
they occur. Comparing with some 20,000 words is much quicker than with 50,000 names, and finds more.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.db import connection

from apps.knowledge.models import SearchWord

_MOST_WORDS = 8
_CORRECTIONS = 6
_WORD = re.compile(r"[^\W_]+")

_KNOWN = """
SELECT typed FROM unnest(%(words)s::text[]) typed
WHERE EXISTS (SELECT 1 FROM knowledge_searchword WHERE kind = %(kind)s AND word LIKE typed || '%%')
"""

# `%%` is pg_trgm's "similar". Beginnings are compared as well, since the last word may not be typed out yet; one that
# is a letter longer, too, since a letter may have been left out.
_NEAREST = """
SELECT word FROM (
    SELECT word, frequency, least(
        levenshtein_less_equal(word, %(typed)s, 3),
        levenshtein_less_equal(left(word, %(length)s), %(typed)s, 3),
        levenshtein_less_equal(left(word, %(length)s + 1), %(typed)s, 3)
    ) AS distance
    FROM knowledge_searchword
    WHERE kind = %(kind)s AND word %% %(typed)s AND length(word) BETWEEN %(length)s - 2 AND 60
) near
WHERE distance <= %(allowed)s ORDER BY distance, frequency DESC, word LIMIT %(most)s
"""


def words_of(text: str) -> list[str]:
    """The words of `text`, in lower case, each once, at most eight."""
    return list(dict.fromkeys(_WORD.findall(text.lower())))[:_MOST_WORDS]


def tsquery(kind: SearchWord.Kind, words: Sequence[str]) -> tuple[str, str]:
    """PostgreSQL text queries: (one that wants every word, one that is content with any)."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"words": list(words), "kind": kind.value})
        known = {row[0] for row in cursor.fetchall()}
        meant = [[word] if word in known else _nearest(cursor, kind, word) for word in words]
    groups = [" | ".join(f"{word}:*" for word in group) for group in meant if group]
    whole = " & ".join(f"({group})" for group in groups) if len(groups) == len(words) else ""
    return whole, " | ".join(groups)


def _nearest(cursor: Any, kind: SearchWord.Kind, typed: str) -> list[str]:
    # One wrong letter in four, but never more than two: beyond that anything is near anything.
    allowed = min(2, len(typed) // 4 + (len(typed) > 3))
    if not allowed:
        return []
    cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', '0.25', false)")
    parameters = {
        "typed": typed,
        "length": len(typed),
        "kind": kind.value,
        "allowed": allowed,
        "most": _CORRECTIONS,
    }
    cursor.execute(_NEAREST, parameters)
    return [word for (word,) in cursor.fetchall() if _WORD.fullmatch(word)]
