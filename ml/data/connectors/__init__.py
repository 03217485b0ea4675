"""Where data come from: each connector turns a place and its credentials into a stream of raw blobs (ADR 43).

Built in: `files` (a file, folder, pattern or bucket that fsspec knows), `rest`, `fhir`, `sql` and `soap`. Others are
found by the entry point group `hoofbeat.connectors`: the name is the source's `kind`, the object a function that takes
a `Source` and yields `Blob`s, and a `LineError` (line 0) for each that cannot be had, so that one of them never stops
the rest. What makes the rest unreachable is raised: then nothing is made of the source.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import quote, urlsplit

from ml.errors import EngineError
from ml.serving.phenopacket import LineError

ENTRY_POINTS = "hoofbeat.connectors"
# names of a caller, which may stand in a source file as they are and in messages
NOT_SECRET = frozenset({"username", "client_id"})
# module, what reads a source, what judges it before
_BUILT_IN = {
    kind: (f"ml.data.connectors.{kind}", f"read_{kind}", f"check_{kind}")
    for kind in ("files", "rest", "fhir", "sql", "soap")
}


class SourceError(EngineError, ValueError):
    """The source cannot be read at all; the message says why and holds no credential."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes as the source holds them; the suffix of `name` says what they are (`ml.data.formats`).

    `records` is a JMESPath to the list of records in a JSON document; without one, the document is the list.
    """

    name: str
    content: bytes = field(repr=False)
    records: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A configured source. `credentials` are shown by no representation and no message.

    `roots`: the folders, and the beginnings of buckets' URLs, that may be read with the rights of this process; None:
    all, as for whoever runs a command himself (`ml.data.connectors.roots`).
    """

    kind: str
    location: str
    options: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    roots: Sequence[str] | None = None


Connector = Callable[[Source], Iterator[Blob | LineError]]


def kinds() -> list[str]:
    """The kinds of sources that can be read here."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def open_source(source: Source) -> Iterator[Blob | LineError]:
    """The source's blobs, in the source's order. Raises SourceError."""
    if has_password(source.location):
        raise SourceError("location: holds a password, which belongs to the credentials")
    failure = None
    try:
        for blob in _connector(source.kind)(source):
            if not isinstance(blob, Blob | LineError):
                raise SourceError(f"kind {source.kind} gave a {type(blob).__name__}; a Blob was expected")
            yield blob
    except Exception as error:
        # each store and driver has errors of its own, and some repeat what they were called with
        failure = without_credentials(f"{source.location}: {error}", source)
    if failure is not None:  # outside of the handler, so that not even a context leads to what was caught
        raise SourceError(failure)


def check_source(source: Source) -> None:
    """Judge what a source says of itself, without asking anybody. Raises SourceError, which begins with the field.

    What a plug-in needs is known to itself alone, and judged when it is read.
    """
    if source.kind not in kinds():
        raise SourceError(f"kind: {source.kind!r:.60}; one of {', '.join(kinds())} was expected")
    if has_password(source.location):
        raise SourceError("location: holds a password, which belongs to the credentials")
    if source.kind in _BUILT_IN:
        module, _read, check = _BUILT_IN[source.kind]
        getattr(import_module(module), check)(source)


def has_password(address: str) -> bool:
    """Whether an address says user:password@."""
    try:
        return urlsplit(address).password is not None
    except ValueError:
        return False


def without_credentials(text: str, source: Source) -> str:
    """`text` with each secret of the source blotted out, also as URLs, headers and representations write it."""
    secrets = {value for name, value in source.credentials.items() if name not in NOT_SECRET and value}
    username = source.credentials.get("username", "")
    written = {
        form
        for secret in secrets
        for form in (
            secret,
            quote(secret, safe=""),
            repr(secret)[1:-1],
            base64.b64encode(f"{username}:{secret}".encode()).decode(),
        )
    }
    for form in sorted(written, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _connector(kind: str) -> Connector:
    if kind in _BUILT_IN:
        module, name, _check = _BUILT_IN[kind]
        built_in: Connector = getattr(import_module(module), name)
        return built_in
    found = tuple(entry_points(group=ENTRY_POINTS, name=kind))
    if not found:
        raise SourceError(f"kind: {kind!r}; one of {', '.join(kinds())} was expected")
    if len(found) > 1:
        raise SourceError(f"kind: {kind!r} is offered by {len(found)} distributions; one was expected")
    try:
        installed: Connector = found[0].load()
    except Exception as error:
        raise SourceError(
            f"kind: {kind!r}, {found[0].value}, cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return installed
