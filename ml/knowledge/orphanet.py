"""Reads orphapackets: Orphanet's disorders with phenotypes, prevalence, onset, inheritance, genes and references.

From JSON lines, one record a line, or from the archive (tar, compressed or not) of github.com/Orphanet/orphapacket,
which has them one a file.
"""

import json
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.knowledge.lines import SourceFileError, numbered_lines
from ml.knowledge.model import Disorder, DisorderPhenotype, ExternalReference, Prevalence

# Orphanet's words -> HPO's classes (children of HP:0040279), which mean the same ranges.
FREQUENCIES = {
    "Obligate": "HP:0040280",
    "Very frequent": "HP:0040281",
    "Frequent": "HP:0040282",
    "Occasional": "HP:0040283",
    "Very rare": "HP:0040284",
    "Excluded": "HP:0040285",
}
# Orphanet's codes of alignment; they say how the ORPHAcode stands to the other code.
RELATIONS = {"E": "exact", "BTNT": "broader", "NTBT": "narrower", "ND": "undecided"}
_UNKNOWN = ("no data", "No data available", "Not yet documented", "Unknown")
_HPO_ID = re.compile(r"HP:\d{7}$")
# of the archive; the repository also keeps records of an older form in its top folder
_MEMBER = re.compile(r"/json/ORPHApacket_\d+\.json$")


@dataclass(frozen=True, slots=True)
class OrphanetFile:
    """Its release (ISO date of the newest record), what it says of its copyright, and its disorders by id."""

    release: str
    copyright: str
    disorders: tuple[Disorder, ...]


def read_orphapackets(path: Path) -> OrphanetFile:
    """Read a file of orphapackets. Raises SourceFileError, which names file, line (or member) and field."""
    disorders: dict[str, Disorder] = {}
    release = notice = ""
    for place, text in _texts(path):
        try:
            record = json.loads(text)
            if not isinstance(record, dict):
                raise ValueError("a JSON object was expected")
            # a file of the repository has one more level around the record than a line
            record = _object(record.get("Orphapacket", record))
            disorder = _disorder(record)
        except ValueError as error:
            raise SourceFileError(f"{place}: {error}") from error
        if disorder.id in disorders:
            raise SourceFileError(f"{place}: ORPHAcode: {disorder.id} stands twice in the file")
        disorders[disorder.id] = disorder
        release = max(release, str(record.get("creationDate", ""))[:10])
        notice = notice or str(record.get("copyright", ""))
    if not disorders:
        raise SourceFileError(f"{path.name} holds no record: one orphapacket a line was expected")
    return OrphanetFile(release, notice, tuple(disorders[identity] for identity in sorted(disorders)))


def _texts(path: Path) -> Iterator[tuple[str, str | bytes]]:
    """(where it stands, JSON text) of each record."""
    if path.is_file() and tarfile.is_tarfile(path):
        yield from _members(path)
        return
    for number, line in numbered_lines(path):
        if line.strip():
            yield f"{path.name}, line {number}", line


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member) if _MEMBER.search(member.name) else None
                if stream is not None:
                    yield f"{path.name}, {member.name}", stream.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise SourceFileError(f"{path.name}: the archive is damaged ({error})") from error


def _disorder(record: dict[str, Any]) -> Disorder:
    return Disorder(
        id=_code(record, "ORPHAcode"),
        name=_text(record, "Label"),
        kind=_text(_one(record, "DisorderType"), "value"),
        synonyms=tuple(sorted({str(s) for s in _items(record, "Synonyms", "Synonym")})),
        parents=tuple(sorted({_code(_object(p), "ORPHAcode") for p in _items(record, "Parents", "Parent")})),
        phenotypes=tuple(sorted({_phenotype(_object(p)) for p in _items(record, "Phenotypes", "Phenotype")})),
        prevalences=tuple(
            sorted({_prevalence(_object(p)) for p in _items(record, "Prevalences", "Prevalence")})
        ),
        onsets=_values(record, "AverageAgeOfOnsets", "AverageAgeOfOnset"),
        inheritance=_values(record, "TypeOfInheritances", "TypeOfInheritance"),
        references=tuple(
            sorted(
                {_reference(_object(r)) for r in _items(record, "ExternalReferences", "ExternalReference")}
            )
        ),
        genes=tuple(sorted({_text(_object(gene), "Symbol") for gene in _items(record, "Genes", "Gene")})),
    )


def _items(record: dict[str, Any], plural: str, singular: str) -> list[Any]:
    # a list of one is published as an object, and entries with or without their name around them
    outer = record.get(plural) or []
    found: list[Any] = []
    for entry in outer if isinstance(outer, list) else [outer]:
        inner = entry[singular] if isinstance(entry, dict) and singular in entry else entry
        found += inner if isinstance(inner, list) else [inner]
    return [item for item in found if item != "no data"]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r}: a JSON object was expected")
    return value


def _one(record: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(record.get(name), dict):
        raise ValueError(f"{name}: an object was expected")
    return dict(record[name])


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}: a text was expected, not {value!r}")
    return " ".join(value.split())


def _code(record: dict[str, Any], name: str) -> str:
    value = str(record.get(name, ""))
    if not value.isdecimal():
        raise ValueError(f"{name}: a number was expected, not {record.get(name)!r}")
    return f"ORPHA:{value}"


def _values(record: dict[str, Any], plural: str, singular: str) -> tuple[str, ...]:
    values = {_text(_object(item), "value") for item in _items(record, plural, singular)}
    return tuple(sorted(values - set(_UNKNOWN)))


def _phenotype(item: dict[str, Any]) -> DisorderPhenotype:
    term, text = item.get("HPOId"), _text(item, "HPOFrequency")
    if not isinstance(term, str) or not _HPO_ID.match(term):
        raise ValueError(f"HPOId: an id like HP:0000118 was expected, not {term!r}")
    name = text.split("(")[0].strip()
    if name not in FREQUENCIES:
        raise ValueError(f"HPOFrequency: one of {', '.join(FREQUENCIES)} was expected, not {text!r}")
    return DisorderPhenotype(term, FREQUENCIES[name])


def _prevalence(item: dict[str, Any]) -> Prevalence:
    def known(name: str) -> str:
        value = str(item.get(name) or "")
        return "" if value in _UNKNOWN else value

    return Prevalence(
        known("PrevalenceType"), known("PrevalenceClass"), known("PrevalenceGeographic"), known("Source")
    )


def _reference(item: dict[str, Any]) -> ExternalReference:
    text = _text(item, "DisorderMappingRelation")
    relation = text.split()[0]
    if relation not in RELATIONS:
        raise ValueError(f"DisorderMappingRelation: one of {', '.join(RELATIONS)} was expected, not {text!r}")
    return ExternalReference(f"{_text(item, 'Source')}:{_text(item, 'Reference')}", RELATIONS[relation])
