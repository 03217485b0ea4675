"""What a source's codes mean: a mapping set in SSSOM, read as findings or as diagnoses."""

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.data.records import encoded, local_id
from ml.errors import EngineError
from ml.knowledge.lines import SourceFileError
from ml.knowledge.sssom import read_sssom
from ml.serving.vocabulary import HPO_ID

# ids of the databases that name diseases are such in any source, unless its mapping set says otherwise
_DISEASE_ID = re.compile(r"(MONDO|OMIM|ORPHA|ICD10CM|DECIPHER):[\w.]+")


class MappingError(EngineError, ValueError):
    """A mapping file cannot be used; the message names file, place and what was expected."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code is read as.

    `kind` is exact (`id` is a term), below (a local finding under `broader`), local (one of its own, as the mapping
    set says or for want of an exact or broad match) or unlisted (local, and the mapping set does not know the code).
    """

    id: str
    label: str | None
    kind: str
    broader: tuple[str, ...] = ()


class CodeMap:
    """The mapping set of one source. Subjects are `source:code`; objects ids of HPO, or of diseases."""

    def __init__(self, source: str, path: Path | None) -> None:
        """Read the set; without one every code is unlisted. Raises MappingError."""
        self._source = source
        self._exact: dict[str, list[str]] = {}
        self._broad: dict[str, list[str]] = {}
        self._labels: Mapping[str, str] = {}
        self._names: dict[str, str] = {}
        self._listed: set[str] = set()
        if path is None:
            return
        try:
            mapped = read_sssom(path)
        except SourceFileError as error:
            raise MappingError(str(error)) from error
        self._labels = mapped.labels
        for subject, relation, target in mapped.mappings:
            prefix, _, code = subject.partition(":")
            if prefix != source:
                raise MappingError(f"{path.name}: subject {subject}; {source}:... was expected")
            code = encoded(urllib.parse.unquote(code))
            self._listed.add(code)
            if subject in mapped.labels:
                self._names[code] = mapped.labels[subject]
            if target != "sssom:NoTermFound" and relation in ("exact", "broad"):
                into = self._exact if relation == "exact" else self._broad
                into.setdefault(code, []).append(target)

    def is_listed(self, code: str) -> bool:
        """Whether the mapping set says anything of a code."""
        return encoded(code) in self._listed

    def findings(self, code: str) -> tuple[Meaning, ...]:
        """The findings that a code stands for: the terms that it matches exactly, else one local finding."""
        key = encoded(code)
        if key in self._exact:
            return tuple(Meaning(target, self._labels.get(target), "exact") for target in self._exact[key])
        if key not in self._listed and HPO_ID.fullmatch(code):
            return (Meaning(code, None, "exact"),)
        broader = tuple(self._broad.get(key, ()))
        kind = "below" if broader else "local" if key in self._listed else "unlisted"
        return (Meaning(local_id(self._source, code), self._names.get(key, code), kind, broader),)

    def diagnoses(self, code: str) -> tuple[Meaning, ...]:
        """The diseases that a diagnosis counts as: exact matches, else broader ones, else one under its own code."""
        key = encoded(code)
        found = self._exact.get(key) or self._broad.get(key)
        if found:
            return tuple(Meaning(target, self._labels.get(target), "exact") for target in found)
        if key not in self._listed and _DISEASE_ID.fullmatch(code):
            return (Meaning(code, None, "exact"),)
        kind = "local" if key in self._listed else "unlisted"
        return (Meaning(local_id(self._source, code), self._names.get(key, code), kind),)
