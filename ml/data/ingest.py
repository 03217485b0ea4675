"""One ingestion: raw blobs kept as they came, read into cases, validated, and one report on what became of them."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import fsspec

from ml.data.connectors import Blob
from ml.data.fhir import read_resources
from ml.data.formats import read_blobs
from ml.data.reading import ReadingReport, read_known, read_records
from ml.data.records import record_of
from ml.data.report import IngestionReport, Policy
from ml.data.shape import Shape
from ml.data.validation import Validator
from ml.knowledge.model import Term
from ml.serving.phenopacket import LineError, PacketCase
from ml.text import Extractor


@dataclass(frozen=True, slots=True)
class Ingested:
    """The cases that may be used, and the report. A quarantined ingestion has cases, too: nobody trains on them."""

    cases: tuple[PacketCase, ...]
    report: IngestionReport

    def lines(self) -> bytes:
        """The cases as canonical records, one JSON object a line."""
        return "".join(json.dumps(record_of(case), ensure_ascii=False) + "\n" for case in self.cases).encode()


def ingest(
    blobs: Iterable[Blob | LineError],
    shape: Shape | None,
    *,
    snapshot: str,
    form: str = "records",
    terms: Iterable[Term] = (),
    extractor: Extractor | None = None,
    last: dict[str, Any] | None = None,
    policy: Policy | None = None,
) -> Ingested:
    """Read a source whole. A corrupt file or row is reported and the others go on.

    Each blob is kept under `snapshot` (a folder that fsspec knows) before it is read. Without a `shape`, records are
    phenopackets or canonical ones; `form` "fhir" makes records of resources first. `terms` are those of HPO by which
    ids are judged; `extractor` reads the notes of the shape; `last` is the statistics of the source's last accepted
    version. Raises SourceError when the source fails, and then nothing is made of what it gave.
    """
    reading, kept = ReadingReport(), dict[str, str]()
    documents = read_blobs(_kept(blobs, snapshot, kept))
    validator = Validator(terms)
    if shape is None:
        read = list(read_known(documents, reading))
    elif form == "fhir":
        read = list(read_records(read_resources(documents, shape, reading), shape, reading, extractor))
    else:
        read = list(read_records(documents, shape, reading, extractor))
    cases = validator.accepted(read, needs_diagnosis=shape is None or shape.diagnosis is not None)
    report = IngestionReport.of(reading, validator, cases, kept, last, policy or Policy())
    return Ingested(tuple(cases), report)


def _kept(
    blobs: Iterable[Blob | LineError], snapshot: str, kept: dict[str, str]
) -> Iterator[Blob | LineError]:
    """The same blobs, each written once under the SHA-256 of its content; `kept` is filled with name -> SHA-256."""
    for blob in blobs:
        if isinstance(blob, Blob):
            digest = hashlib.sha256(blob.content).hexdigest()
            files, root = fsspec.core.url_to_fs(f"{snapshot.rstrip('/')}/{digest[:2]}")
            path = f"{root}/{digest}"
            if not files.exists(path):
                files.makedirs(root, exist_ok=True)
                # whole or not at all: a killed run leaves nothing under the name of what it is not
                half = f"{path}.half"
                files.pipe_file(half, blob.content)
                files.mv(half, path)
            kept[blob.name] = digest
        yield blob


def blob_of(snapshot: str, digest: str) -> bytes:
    """A kept blob. Raises ValueError when it is no longer what was kept."""
    with fsspec.open(f"{snapshot.rstrip('/')}/{digest[:2]}/{digest}", "rb") as file:
        content: bytes = file.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{digest}: the kept file was changed")
    return content
