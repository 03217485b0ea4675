"""Terms as a person or a program names them: labels, replaced ids, near matches."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.features.graph import LOCAL_PREFIX, TermGraph

PHENOTYPIC_ABNORMALITY = "HP:0000118"
HPO_ID = re.compile(r"HP:[0-9]{7}")
# a source's own finding (`ml.data.records.local_id`)
LOCAL_ID = re.compile(r"LOCAL:[\w.+/%-]{1,200}")


@dataclass(frozen=True, slots=True)
class LocalFinding:
    """A finding that HPO lacks; `parents` are ids of the more general terms."""

    id: str
    label: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class _Names:
    texts: tuple[str, ...]
    owner: tuple[str, ...]
    size: NDArray[np.float64]
    postings: Mapping[str, NDArray[np.int64]]


class Vocabulary:
    """The terms of a knowledge release.

    `graph` holds the phenotypic abnormalities (HP:0000118 and below): the findings that can be scored.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self._terms = {record["id"]: record for record in records}
        self._alternative = {
            alternative: identity
            for identity, record in self._terms.items()
            if not record["obsolete"]
            for alternative in record["alt_ids"]
        }
        self.graph = TermGraph({i: self._terms[i]["parents"] for i in self._phenotypes()})

    def _phenotypes(self) -> list[str]:
        children: dict[str, list[str]] = {}
        for identity, record in self._terms.items():
            if not record["obsolete"]:
                for parent in record["parents"]:
                    children.setdefault(parent, []).append(identity)
        found: set[str] = set()
        stack = [PHENOTYPIC_ABNORMALITY]
        while stack:
            identity = stack.pop()
            if identity not in found:
                found.add(identity)
                stack.extend(children.get(identity, ()))
        return sorted(found)

    def __contains__(self, identity: object) -> bool:
        return identity in self._terms

    def label(self, identity: str) -> str:
        """The label of a term, live or obsolete; the id itself when it is unknown."""
        record = self._terms.get(self._alternative.get(identity, identity))
        return str(record["label"]) if record else identity

    def is_phenotype(self, identity: str) -> bool:
        """Whether a live term is a phenotypic abnormality."""
        return identity in self.graph.index

    def local_findings(self) -> tuple[LocalFinding, ...]:
        """The findings that sources name by codes of their own, by id."""
        return tuple(
            LocalFinding(identity, self.label(identity), tuple(self._terms[identity]["parents"]))
            for identity in self.graph.ids
            if identity.startswith(LOCAL_PREFIX)
        )

    def current(self, identity: str) -> str | None:
        """The live term that an id stands for (itself, or what replaced it), or None."""
        seen: set[str] = set()
        while identity not in seen:
            seen.add(identity)
            record = self._terms.get(identity)
            if record is not None and not record["obsolete"]:
                return identity
            following = self._alternative.get(identity) or (record or {}).get("replaced_by")
            if following is None:
                return None
            identity = following
        return None

    def consider(self, identity: str) -> tuple[tuple[str, str], ...]:
        """Live terms that HPO suggests instead of an obsolete one, as (id, label)."""
        record = self._terms.get(identity, {})
        live = [self.current(other) for other in record.get("consider", ())]
        return tuple(
            (other, self.label(other)) for other in live if other is not None and self.is_phenotype(other)
        )

    def near(self, value: str, limit: int = 5) -> tuple[tuple[str, str], ...]:
        """Findings that somebody may have meant, as (id, label), best first.

        For something like an id: ids with one digit changed or two neighbours swapped, then the numerically nearest.
        For a text: the labels and synonyms that share most of its groups of three letters.
        """
        text = value.strip()[:200]
        digits = re.sub(r"[^0-9]", "", text)
        if re.fullmatch(r"(?i)hpo?[\s:_-]*[0-9]{1,10}|[0-9]{5,7}", text):
            ids = self._near_ids(digits.zfill(7)[-7:], limit)
        else:
            ids = self._near_names(text, limit)
        return tuple((identity, self.label(identity)) for identity in ids)

    def _near_ids(self, digits: str, limit: int) -> Sequence[str]:
        guesses = [digits]
        guesses += [digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :] for i in range(6)]
        guesses += [digits[:i] + d + digits[i + 1 :] for i in range(6, -1, -1) for d in "0123456789"]
        found: dict[str, None] = {}
        for guess in guesses:
            identity = self.current(f"HP:{guess}")
            if identity is not None and self.is_phenotype(identity):
                found[identity] = None
        if len(found) < limit:
            number = int(digits)
            terms = (identity for identity in self.graph.ids if HPO_ID.fullmatch(identity))
            near = sorted(terms, key=lambda identity: abs(int(identity[3:]) - number))
            found |= dict.fromkeys(near[:limit])
        return list(found)[:limit]

    def _near_names(self, text: str, limit: int) -> Sequence[str]:
        names = self._names
        groups = _trigrams(text)
        shared = np.zeros(len(names.texts))
        for group in groups:
            shared[names.postings.get(group, np.zeros(0, np.int64))] += 1
        similarity = shared / (names.size + len(groups) - shared)
        best = np.argsort(-similarity, kind="stable")[: 10 * limit]
        found = dict.fromkeys(names.owner[k] for k in best if similarity[k] > 0.2)
        return list(found)[:limit]

    @cached_property
    def _names(self) -> _Names:
        texts, owner = [], []
        for identity in self.graph.ids:
            record = self._terms[identity]
            for text in (record["label"], *(s["text"] for s in record["synonyms"])):
                texts.append(text)
                owner.append(identity)
        postings: dict[str, list[int]] = {}
        size = np.zeros(len(texts))
        for k, text in enumerate(texts):
            groups = _trigrams(text)
            size[k] = len(groups)
            for group in groups:
                postings.setdefault(group, []).append(k)
        arrays = {group: np.array(where, np.int64) for group, where in postings.items()}
        return _Names(tuple(texts), tuple(owner), size, arrays)


def _trigrams(text: str) -> set[str]:
    words = re.findall(r"\w+", text.casefold())
    padded = f"  {' '.join(words)} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}
