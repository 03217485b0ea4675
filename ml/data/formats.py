"""What blobs hold: JSON, JSON lines, CSV, TSV, Parquet, Excel, texts, and zips of them, each as decoded records."""

import datetime
import io
import json
import math
import zipfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import jmespath

from ml.data.connectors import Blob
from ml.data.tables import read_table
from ml.serving.phenopacket import Document, LineError, PacketError, read_stream

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_JSON = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
SUFFIXES = (*_JSON, *_DELIMITERS, ".parquet", ".xlsx", ".txt", ".zip")
# a member of a zip that unpacks to more is refused unread
MOST_BYTES = 2 << 30


def read_blobs(blobs: Iterable[Blob | LineError]) -> Iterator[Document | LineError]:
    """The records of all blobs. One that cannot be read gives a LineError, and the others go on."""
    for blob in blobs:
        if isinstance(blob, LineError):
            yield blob
        else:
            yield from read_blob(blob)


def read_blob(blob: Blob) -> Iterator[Document | LineError]:
    """The records of one; which format it has, its name says.

    The number of a record is its line in texts, its row in a sheet (the first line or row names the columns, and is 1),
    and its place in a list, counted from 1. A `.txt` is one record: {"id": its name without the suffix, "text": ...}.
    """
    name = blob.name.lower()
    delimiter = next((sign for suffix, sign in _DELIMITERS.items() if name.endswith(suffix)), None)
    try:
        if blob.records is not None:
            for number, record in enumerate(records_at(blob.content, blob.records), start=1):
                yield Document(record, number, blob.name)
        elif name.endswith(_JSON):
            yield from read_stream(io.BytesIO(blob.content), blob.name)
        elif delimiter is not None:
            yield from read_table(blob.content, blob.name, delimiter)
        elif name.endswith(".parquet"):
            yield from _parquet(blob)
        elif name.endswith(".xlsx"):
            yield from _sheet(blob)
        elif name.endswith(".txt"):
            text = blob.content.decode("utf-8-sig")
            yield Document({"id": PurePosixPath(blob.name).stem, "text": text}, 1, blob.name)
        elif name.endswith(".zip"):
            yield from _zip(blob)
        else:
            yield LineError(0, f"of no known format; one of {', '.join(SUFFIXES)} was expected", blob.name)
    except PacketError as error:
        yield LineError(0, str(error), blob.name)
    except UnicodeDecodeError as error:  # its own words quote the text
        yield LineError(1, f"not UTF-8 at byte {error.start}", blob.name)
    except Exception as error:  # the libraries raise what they like on damaged files
        yield LineError(0, f"damaged: {type(error).__name__}: {str(error)[:200]}", blob.name)


def records_at(content: bytes, path: str) -> list[Any]:
    """The list that a JSON document holds at a JMESPath. Raises PacketError."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise PacketError("not JSON that can be read") from None
    try:
        found = jmespath.search(path, document)
    except jmespath.exceptions.JMESPathError as error:
        raise PacketError(f"{path}: {str(error)[:200]}") from None
    if not isinstance(found, list):
        kind = "nothing" if found is None else type(found).__name__
        raise PacketError(f"{kind} at {path}; a list of records was expected")
    return found


def _parquet(blob: Blob) -> Iterator[Document]:
    import pyarrow.parquet

    number = 0
    for batch in pyarrow.parquet.ParquetFile(io.BytesIO(blob.content)).iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield Document({key: plain(value) for key, value in row.items()}, number, blob.name)


def _sheet(blob: Blob) -> Iterator[Document | LineError]:
    """The first sheet of a workbook."""
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(blob.content), read_only=True, data_only=True)
    rows = enumerate(book.worksheets[0].iter_rows(values_only=True), start=1)
    header = ["" if cell is None else str(cell).strip() for cell in next(rows, (0, ()))[1]]
    while header and not header[-1]:
        header.pop()
    if len(set(header)) < len(header) or not all(header) or not header:
        yield LineError(1, "the names of the columns were expected in the first row, each once", blob.name)
        return
    for number, row in rows:
        if any(cell is not None for cell in row[len(header) :]):
            yield LineError(number, f"more than {len(header)} cells, as many as there are columns", blob.name)
        elif any(cell is not None for cell in row):
            cells = (*row, *[None] * len(header))
            yield Document(
                {column: plain(cell) for column, cell in zip(header, cells, strict=False)}, number, blob.name
            )


def _zip(blob: Blob) -> Iterator[Document | LineError]:
    with zipfile.ZipFile(io.BytesIO(blob.content)) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.filename):
            name = member.filename
            if member.is_dir() or "__MACOSX/" in name or not name.lower().endswith(SUFFIXES[:-1]):
                continue
            if member.file_size > MOST_BYTES:
                yield LineError(0, f"unpacks to more than {MOST_BYTES >> 30} GiB", name)
                continue
            try:
                content = archive.read(member)
            except Exception as error:  # zipfile's, zlib's and those of codecs
                yield LineError(0, f"cannot be unpacked: {error}", name)
            else:
                yield from read_blob(Blob(name, content))


def plain(value: Any) -> Any:
    """As JSON would have it: dates as ISO 8601, whole numbers without a fraction, no NaN."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value
