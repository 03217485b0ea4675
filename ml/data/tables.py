"""Tables of delimited text, line by line, so that a broken line costs itself alone."""

import csv
from collections.abc import Iterator

from ml.serving.phenopacket import Document, LineError

# A field may hold line breaks; a quote that does not close within so many lines is a mistake.
_MOST_LINES = 50


def read_table(content: bytes, name: str, delimiter: str) -> Iterator[Document | LineError]:
    """Each row as an object of column -> text; its number is that of its first line in the file, counted from 1.

    RFC 4180 with any delimiter. The first line names the columns. UTF-8; a row with other bytes is reported.
    """
    lines = content.decode("utf-8-sig", errors="surrogateescape").splitlines(keepends=True)
    at = next((i for i, line in enumerate(lines) if line.strip()), None)
    header = None if at is None else _row(lines[at], delimiter)
    if at is None or header is None:
        yield LineError(1, "the names of the columns were expected in the first line", name)
        return
    header = [column.strip() for column in header]
    if twice := {column for column in header if header.count(column) > 1}:
        yield LineError(at + 1, f"column {min(twice)!r} stands there twice", name)
        return
    at += 1
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        row, used = _whole_row(lines, at, delimiter, len(header))
        wrong = _wrong("".join(lines[at : at + used]), row, len(header))
        if row is None or wrong:
            yield LineError(at + 1, wrong or "a quote that does not close, or text behind one", name)
        else:
            yield Document(dict(zip(header, row, strict=True)), at + 1, name)
        at += used


def _row(text: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _whole_row(lines: list[str], at: int, delimiter: str, width: int) -> tuple[list[str] | None, int]:
    """The row that begins at a line, and how many lines it takes; where a quote never closes, one."""
    row = _row(lines[at], delimiter)
    if row is not None:
        return row, 1
    text = lines[at]
    for used in range(2, min(_MOST_LINES, len(lines) - at) + 1):
        following = lines[at + used - 1]
        alone = _row(following, delimiter)
        if width > 1 and alone is not None and len(alone) == width:
            return None, 1  # that one is a row itself, so the quote before it was a mistake
        text += following
        row = _row(text, delimiter)
        if row is not None and len(row) == width:
            return row, used
    return None, 1


def _wrong(text: str, row: list[str] | None, width: int) -> str | None:
    if any("\udc80" <= c <= "\udcff" for c in text):
        byte = next(ord(c) - 0xDC00 for c in text if "\udc80" <= c <= "\udcff")
        return f"not UTF-8: byte 0x{byte:02X}"
    if "\0" in text:
        return "holds the character NUL"
    if row is not None and len(row) != width:
        return f"{len(row)} fields; {width} were expected"
    return None
