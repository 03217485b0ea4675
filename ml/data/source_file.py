"""A source as a YAML file describes it: where, how, and by which shape; never with a secret in it (docs/data.md).

kind: rest
location: https://records.example.org/api/visits
credentials: {token: {env: RECORDS_TOKEN}}
options: {records: items, paging: {kind: next-link, at: next}}
shape: clinic.yaml
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from ml.data.connectors import NOT_SECRET, Source, SourceError, has_password, kinds
from ml.data.fhir import FIELDS
from ml.data.shape import Shape, read_shape

SUFFIXES = (".yaml", ".yml")
_KEYS = {"kind", "location", "options", "credentials", "shape", "format"}
FORMATS = ("records", "fhir")
_SECRET_NAME = re.compile(
    r"(.*[-_.])?(pass|passwd|password|pwd|secret|token|api[-_]?key|access[-_]?key|key|authori[sz]ation|cookie|signature|sig)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Described:
    """A source, and how its records are read: by a shape, or without one as phenopackets or canonical records.

    `format` is "records", or "fhir" where records are to be made of resources first. `shape_file` is where the shape
    came from.
    """

    source: Source
    shape: Shape | None
    format: str
    shape_file: Path | None = None


def read_source_file(path: Path, shape: Path | None = None) -> Described:
    """Read a description; `shape` goes before the one that it names. Raises SourceError and MappingError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # the library's own words quote the line, and that may hold a secret
        mark = getattr(error, "problem_mark", None)
        raise SourceError(f"{path.name}{f', line {mark.line + 1}' if mark else ''} is no YAML") from None
    if not isinstance(content, dict):
        raise SourceError(f"{path.name}: an object was expected")
    for key in content:
        if key not in _KEYS:
            raise SourceError(
                f"{path.name}, {key!r:.60}: one of the keys {', '.join(sorted(_KEYS))} was expected"
            )
    if where := place_of_secret({key: content[key] for key in content if key != "credentials"}):
        raise SourceError(
            f"{path.name}, {where}: seems to hold a secret; it belongs under credentials, as {{env: NAME}} or "
            "{file: PATH}"
        )
    kind = _text(path, content, "kind")
    if kind not in kinds():
        raise SourceError(f"{path.name}, kind: {kind!r:.60}; one of {', '.join(kinds())} was expected")
    location = _text(path, content, "location")
    if kind == "files" and "://" not in location:
        location = str(path.parent / location)
    options = content.get("options") or {}
    if not isinstance(options, dict):
        raise SourceError(f"{path.name}, options: an object was expected")
    form = content.get("format", "fhir" if kind == "fhir" else "records")
    if form not in FORMATS:
        raise SourceError(f"{path.name}, format: {form!r:.60}; one of {', '.join(FORMATS)} was expected")
    if shape is None and "shape" in content:
        shape = path.parent / _text(path, content, "shape")
    if shape is None and form == "fhir":
        raise SourceError(f"{path.name}, shape: missing; a file that says what codes mean was expected")
    return Described(
        Source(kind, location, options, _credentials(path, content.get("credentials") or {})),
        None if shape is None else read_shape(shape, FIELDS if form == "fhir" else None),
        form,
        shape,
    )


def read_object(text: str) -> dict[str, Any]:
    """An object in YAML or JSON, as JSON has it: dates as texts. Raises SourceError, which repeats nothing of it."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise SourceError("aliases (*name) are not read; write it out")
        value = yaml.safe_load(text)
        # through JSON, which knows no NaN, no NUL in PostgreSQL, and no keys that are not texts
        written = json.dumps(value, allow_nan=False, default=str)
    except SourceError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise SourceError(f"no YAML that can be read{f': line {mark.line + 1}' if mark else ''}") from None
    if not isinstance(value, dict) or "\\u0000" in written:
        raise SourceError("an object was expected, such as {records: items}")
    found: dict[str, Any] = json.loads(written)
    return found


def place_of_secret(content: dict[str, Any]) -> str | None:
    """Where a text among some values is named like a secret, or an address holds one; "options.token", say."""
    return next((where for where, name, value in _texts(content) if _holds_secret(name, value)), None)


def _text(path: Path, content: dict[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise SourceError(f"{path.name}, {key}: a text was expected")
    return value


def _texts(value: Any, where: str = "", name: str = "") -> Iterator[tuple[str, str, str]]:
    """(place, key, text) of all texts and numbers."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{where}.{key}".lstrip("."), str(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _texts(inner, f"{where}[{i}]", name)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield where, name, str(value)


def _holds_secret(name: str, value: str) -> bool:
    if _SECRET_NAME.fullmatch(name) or has_password(value):
        return True
    try:
        parameters = parse_qsl(urlsplit(value).query)
    except ValueError:
        return False
    return any(_SECRET_NAME.fullmatch(parameter) for parameter, _value in parameters)


def _credentials(path: Path, given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise SourceError(f"{path.name}, credentials: an object was expected")
    return {str(name): _credential(path, str(name), value) for name, value in given.items()}


def _credential(path: Path, name: str, value: Any) -> str:
    where = f"{path.name}, credentials.{name}"
    if name in NOT_SECRET and isinstance(value, str) and value:
        return value
    if not isinstance(value, dict) or len(value) != 1 or not isinstance(next(iter(value.values())), str):
        raise SourceError(
            f"{where}: a secret must not stand in this file; {{env: NAME OF A VARIABLE}} or {{file: PATH}} was expected"
        )
    ((kind, reference),) = value.items()
    if kind == "env":
        secret = os.environ.get(reference, "")
        missing = f"the variable {reference} is not set"
    elif kind == "file":
        try:
            secret = (path.parent / reference).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            secret = ""
        missing = f"the file {reference} is empty or cannot be read"
    else:
        raise SourceError(f"{where}: env or file was expected")
    if not secret:
        raise SourceError(f"{where}: {missing}")
    return secret
