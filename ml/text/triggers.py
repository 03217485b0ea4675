"""The words that say "not", "perhaps" and "a relative" (lexicons/triggers.*.txt), as patterns over folded text.

After NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009): a trigger has a scope, forward or backward, which
ends at a terminator; pseudo-triggers look like one and are none. The words are our own.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from ml.text.lexicons import lines

_MACROS = "macros"
# These stand at the start of a line, the others anywhere between words.
_AT_LINE_START = frozenset({"family_heading", "heading"})


@dataclass(frozen=True)
class Triggers:
    """Patterns of one language.

    `negation`, `doubt` and `relative` look forward; `..._after` look backward. `pseudo` masks whatever negation or
    relative it covers. `ends_forward` closes a scope that looks forward, `ends_backward` one that looks backward (with
    `copula` when it looks for negation or doubt, since "X was seen in the father" is one statement), `ends_family` that
    of a relative. A `heading` opens a section, a `family_heading` one about relatives.
    """

    negation: re.Pattern[str]
    negation_after: re.Pattern[str]
    doubt: re.Pattern[str]
    doubt_after: re.Pattern[str]
    relative: re.Pattern[str]
    relative_after: re.Pattern[str]
    pseudo: re.Pattern[str]
    ends_forward: re.Pattern[str]
    ends_backward: re.Pattern[str]
    copula: re.Pattern[str]
    ends_family: re.Pattern[str]
    family_heading: re.Pattern[str]
    heading: re.Pattern[str]


@lru_cache(maxsize=2)
def triggers(language: str) -> Triggers:
    """The triggers of a language."""
    sections: dict[str, list[str]] = {}
    macros: dict[str, str] = {}
    section = ""
    for line in lines(f"triggers.{language}.txt"):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            sections[section] = []
        elif section == _MACROS:
            name, pattern = line.split(" = ", 1)
            macros[f"<{name}>"] = pattern
        else:
            sections[section].append(_expanded(line, macros))
    sections.pop(_MACROS)
    return Triggers(**{name: _compiled(name, patterns) for name, patterns in sections.items()})


def _expanded(pattern: str, macros: dict[str, str]) -> str:
    for name, meaning in macros.items():
        pattern = pattern.replace(name, meaning)
    return pattern


def _compiled(section: str, patterns: list[str]) -> re.Pattern[str]:
    alternatives = "|".join(patterns)
    return re.compile(alternatives if section in _AT_LINE_START else rf"(?<!\w)(?:{alternatives})(?!\w)")
