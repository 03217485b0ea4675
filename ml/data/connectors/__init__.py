"""Where data come from: each connector turns a place and its credentials into a stream of raw blobs (ADR 40).

Built in: `files` (a file, folder, pattern or bucket that fsspec knows). Others are found by the entry point group
`hoofbeat.connectors`: the name is the source's `kind`, the object a function that takes a `Source` and yields `Blob`s,
and a `LineError` (line 0) for each that cannot be had, so that one of them never stops the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from ml.errors import EngineError
from ml.serving.phenopacket import LineError

ENTRY_POINTS = "hoofbeat.connectors"


class SourceError(EngineError, ValueError):
    """The source cannot be read at all; the message says why and holds no credential."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes as the source holds them; the suffix of `name` says what they are (`ml.data.formats`)."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A configured source. `credentials` are shown by no representation and no message."""

    kind: str
    location: str
    options: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


Connector = Callable[[Source], Iterator[Blob | LineError]]


def kinds() -> list[str]:
    """The kinds of sources that can be read here."""
    return sorted({*_built_in(), *(point.name for point in entry_points(group=ENTRY_POINTS))})


def open_source(source: Source) -> Iterator[Blob | LineError]:
    """The source's blobs, in order of name. Raises SourceError."""
    connector: Connector | None = _built_in().get(source.kind)
    if connector is None:
        found = tuple(entry_points(group=ENTRY_POINTS, name=source.kind))
        if len(found) != 1:
            raise SourceError(f"kind: {source.kind!r}; one of {', '.join(kinds())} was expected")
        connector = found[0].load()
    try:
        yield from connector(source)
    except Exception as error:
        # each store and driver has errors of its own, and some repeat what they were called with
        raise SourceError(without_credentials(f"{source.location}: {error}", source)) from None


def without_credentials(text: str, source: Source) -> str:
    """`text` with each credential of the source blotted out."""
    for secret in sorted(filter(None, source.credentials.values()), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _built_in() -> dict[str, Connector]:
    from ml.data.connectors.files import read_files

    return {"files": read_files}
