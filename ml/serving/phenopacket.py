"""Reads GA4GH Phenopackets (version 2, JSON): one case each, from a file, a folder or a zip. Standard library only."""

import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from ml.errors import EngineError

_SEXES = {"FEMALE": "female", "MALE": "male", "OTHER_SEX": "other", "UNKNOWN_SEX": "unknown"}
_SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")


class PacketError(ValueError):
    """The object is no usable phenopacket; the message names the field, what is wrong and what was expected."""


class CaseFileError(EngineError, ValueError):
    """The file or folder cannot be read at all; the message says why."""


@dataclass(frozen=True, slots=True)
class PacketCase:
    """One case. Ids stand as in the packet: current, alternative or unknown ones.

    `age` is the ISO 8601 duration of the last encounter. `diseases` holds the diagnoses, interpretations first;
    `publications` the PubMed ids of the external references; `labels` the labels that the packet gives its ids.
    `line` is the record's number in its file (`source`), counted from 1; 0 when it came from no file.

    Packets know neither of these, canonical case records (`ml.data.records`) do: `uncertain` findings, of which it was
    not said whether the patient has them; `volunteered`, the findings of any state that were said unasked; `local`,
    the parents (ids of HPO) of findings that HPO lacks.
    """

    id: str
    present: tuple[str, ...]
    absent: tuple[str, ...]
    age: str | None
    sex: str | None
    diseases: tuple[str, ...]
    publications: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)
    line: int = field(default=0, compare=False)
    source: str = field(default="", compare=False)
    uncertain: tuple[str, ...] = ()
    volunteered: tuple[str, ...] = ()
    local: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """One decoded record of a file: its number (counted from 1) and the file's name."""

    value: Any
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class LineError:
    """A record that could not be read: its number in its file (counted from 1), why, and the file's name."""

    line: int
    detail: str
    source: str


def parse_packet(packet: Any) -> PacketCase:
    """One case from a decoded packet. Raises PacketError."""
    packet = _object(packet, "the packet")
    subject = _object(packet.get("subject") or {}, "subject")
    present: dict[str, None] = {}
    absent: dict[str, None] = {}
    labels: dict[str, str] = {}
    for i, feature in enumerate(_list(packet, "phenotypicFeatures")):
        where = f"phenotypicFeatures[{i}]"
        identity = _term(_object(feature, where).get("type"), f"{where}.type", labels)
        excluded = feature.get("excluded", False)
        if not isinstance(excluded, bool):
            raise PacketError(f"{where}.excluded: {excluded!r}; true or false was expected")
        (absent if excluded else present)[identity] = None
    diseases: dict[str, None] = {}
    for i, interpretation in enumerate(_list(packet, "interpretations")):
        where = f"interpretations[{i}]"
        diagnosis = _object(interpretation, where).get("diagnosis")
        if diagnosis is not None:
            disease = _object(diagnosis, f"{where}.diagnosis").get("disease")
            diseases[_term(disease, f"{where}.diagnosis.disease", labels)] = None
    for i, disease in enumerate(_list(packet, "diseases")):
        where = f"diseases[{i}]"
        if not _object(disease, where).get("excluded", False):
            diseases[_term(disease.get("term"), f"{where}.term", labels)] = None
    identity = packet.get("id", "")
    if not isinstance(identity, str) or not identity:
        raise PacketError(f"id: {identity!r}; a text was expected")
    return PacketCase(
        id=identity,
        present=tuple(present),
        absent=tuple(absent),
        age=_age(subject),
        sex=_sex(subject),
        diseases=tuple(diseases),
        publications=_publications(packet),
        labels=labels,
    )


def read_cases(path: Path) -> Iterator[PacketCase | LineError]:
    """All packets of a file (.json, .jsonl, either with .gz), of a folder or of a zip, in order of name.

    A record that cannot be read gives a LineError and the others go on. Raises CaseFileError.
    """
    for document in read_documents(path):
        if isinstance(document, LineError):
            yield document
            continue
        try:
            yield replace(parse_packet(document.value), line=document.line, source=document.source)
        except PacketError as error:
            yield LineError(document.line, str(error), document.source)


def read_documents(path: Path) -> Iterator[Document | LineError]:
    """All JSON records of what `read_cases` accepts, whatever they hold. Raises CaseFileError."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and p.name.lower().endswith(_SUFFIXES))
        if not files:
            raise CaseFileError(f"{path} holds no phenopacket: {', '.join(_SUFFIXES)} were expected")
        for file in files:
            with file.open("rb") as stream:
                yield from read_stream(stream, file.relative_to(path).as_posix())
    elif not path.is_file():
        raise CaseFileError(f"{path} does not exist")
    elif path.name.lower().endswith(".zip"):
        yield from _read_zip(path)
    else:
        try:
            with path.open("rb") as stream:
                yield from read_stream(stream, path.name)
        except OSError as error:
            raise CaseFileError(f"{path} cannot be read: {error.strerror or error}") from error


def _read_zip(path: Path) -> Iterator[Document | LineError]:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise CaseFileError(f"{path} is no readable zip: {error}") from error
    with archive:
        names = sorted(
            n for n in archive.namelist() if n.lower().endswith(_SUFFIXES) and "__MACOSX/" not in n
        )
        if not names:
            raise CaseFileError(f"{path} holds no phenopacket: {', '.join(_SUFFIXES)} were expected")
        for name in names:
            try:
                with archive.open(name) as stream:
                    yield from read_stream(stream, name)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
                yield LineError(1, f"cannot be unpacked: {error}", name)


def read_stream(stream: IO[bytes], name: str) -> Iterator[Document | LineError]:
    """The JSON records of one open file; its name says whether it is one document or lines, its content if packed."""
    number = 0
    try:
        head = stream.read(2)
        stream.seek(0)
        content: Any = gzip.GzipFile(fileobj=stream) if head == b"\x1f\x8b" else stream
        if re.search(r"\.json(\.gz)?$", name.lower()):
            yield from _read_document(content.read(), name)
        else:
            for number, line in enumerate(content, start=1):
                if line.strip():
                    yield from _read_record(line, number, name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        yield LineError(number + 1, f"the compressed file is damaged or cut short here: {error}", name)


def _read_document(raw: bytes, name: str) -> Iterator[Document | LineError]:
    """One packet, a list of packets, or a cohort or family of them; a file of lines named .json is taken as such."""
    try:
        document = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        lines = raw.splitlines()
        if len(lines) > 1 and lines[0].strip().endswith(b"}"):
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield from _read_record(line, number, name)
        else:
            yield from _read_record(raw, 1, name)
        return
    if isinstance(document, dict) and isinstance(document.get("members"), list):
        document = document["members"]
    for number, packet in enumerate(document if isinstance(document, list) else [document], start=1):
        yield Document(packet, number, name)


def _read_record(raw: bytes, number: int, name: str) -> Iterator[Document | LineError]:
    try:
        packet = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        yield LineError(number, f"not UTF-8 at byte {error.start}", name)
    except json.JSONDecodeError as error:
        yield LineError(number, f"not JSON: {error.msg} at character {error.pos + 1}", name)
    except ValueError:  # Python refuses to read a number of thousands of digits
        yield LineError(number, "not JSON that can be read: a number has too many digits", name)
    except RecursionError:
        yield LineError(number, "nested too deeply", name)
    else:
        yield Document(packet, number, name)


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PacketError(f"{where}: {_shown(value)}; an object was expected")
    return value


def _list(owner: dict[str, Any], name: str) -> list[Any]:
    value = owner.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise PacketError(f"{name}: {_shown(value)}; a list was expected")
    return value


def _term(value: Any, where: str, labels: dict[str, str]) -> str:
    term = _object(value, where)
    identity = term.get("id")
    if not isinstance(identity, str) or not re.fullmatch(r"[A-Za-z][\w.]*:\S+", identity):
        raise PacketError(f"{where}.id: {_shown(identity)}; an id such as HP:0001166 was expected")
    if isinstance(term.get("label"), str):
        labels[identity] = term["label"]
    return identity


def _shown(value: Any) -> str:
    return "missing" if value is None else repr(value)[:60]


def _age(subject: dict[str, Any]) -> str | None:
    encounter = subject.get("timeAtLastEncounter")
    if not isinstance(encounter, dict):
        return None
    age = encounter.get("age")
    duration = age.get("iso8601duration") if isinstance(age, dict) else None
    return duration if isinstance(duration, str) else None


def _sex(subject: dict[str, Any]) -> str | None:
    value = subject.get("sex")
    if value is None:
        return None
    if not isinstance(value, str) or value not in _SEXES:
        raise PacketError(f"subject.sex: {_shown(value)}; one of {', '.join(_SEXES)} was expected")
    return _SEXES[value]


def _publications(packet: dict[str, Any]) -> tuple[str, ...]:
    references = _list(_object(packet.get("metaData") or {}, "metaData"), "externalReferences")
    found: dict[str, None] = {}
    for reference in references:
        identity = reference.get("id") if isinstance(reference, dict) else None
        if isinstance(identity, str) and re.fullmatch(r"PMID:\s*[0-9]+", identity):
            found[identity.replace(" ", "")] = None
    return tuple(found)
