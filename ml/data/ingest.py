"""One ingestion: raw blobs kept as they came, read into cases, validated, and one report on what became of them."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ml.data.connectors import Blob
from ml.data.fhir import read_resources
from ml.data.formats import read_blobs
from ml.data.reading import ReadingReport, read_known, read_records
from ml.data.records import record_of
from ml.data.report import IngestionReport, Policy
from ml.data.shape import Shape
from ml.data.snapshot import keep_blob
from ml.data.validation import Validator
from ml.knowledge.model import Term
from ml.serving.phenopacket import Document, LineError, PacketCase
from ml.text import Extractor

_ROWS_A_STEP = 1000


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
    say: Callable[[str], None] = lambda _step: None,
) -> Ingested:
    """Read a source whole. A corrupt file or row is reported and the others go on.

    Each blob is kept under `snapshot` (a folder that fsspec knows) before it is read. Without a `shape`, records are
    phenopackets or canonical ones; `form` "fhir" makes records of resources first. `terms` are those of HPO by which
    ids are judged; `extractor` reads the notes of the shape; `last` is the statistics of the source's last accepted
    version; `say` is told each step, and may raise to stop. Raises SourceError when the source fails, and then nothing
    is made of what it gave.
    """
    reading, kept = ReadingReport(), dict[str, str]()
    documents = _watched(read_blobs(_kept(blobs, snapshot, kept)), say)
    validator = Validator(terms)
    if shape is None:
        read = list(read_known(documents, reading))
    elif form == "fhir":
        read = list(read_records(read_resources(documents, shape, reading), shape, reading, extractor))
    else:
        read = list(read_records(documents, shape, reading, extractor))
    say("validating")
    cases = validator.accepted(read, needs_diagnosis=shape is None or shape.diagnosis is not None)
    report = IngestionReport.of(reading, validator, cases, kept, last, policy or Policy())
    return Ingested(tuple(cases), report)


def _watched(
    documents: Iterable[Document | LineError], say: Callable[[str], None]
) -> Iterator[Document | LineError]:
    say("reading")
    for number, document in enumerate(documents, start=1):
        if number % _ROWS_A_STEP == 0:
            say(f"reading {number}")
        yield document


def _kept(
    blobs: Iterable[Blob | LineError], snapshot: str, kept: dict[str, str]
) -> Iterator[Blob | LineError]:
    """The same blobs, each written once under the SHA-256 of its content; `kept` is filled with name -> SHA-256."""
    for blob in blobs:
        if isinstance(blob, Blob):
            kept[blob.name] = keep_blob(blob.content, snapshot)
        yield blob
