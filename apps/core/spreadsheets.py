"""Tables as CSV files that spreadsheet programs open without running anything in them."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from django.http import HttpResponse, StreamingHttpResponse

from apps.core.downloads import named

_TYPE = "text/csv; charset=utf-8"
# A cell that begins with one of these is a formula to Excel and LibreOffice (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_answer(filename: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A download of `rows` under `header`, in UTF-8 with the mark that Excel needs to see it."""
    return named(HttpResponse(csv_text(header, rows), content_type=_TYPE), filename)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The same as text, for a file among others."""
    return "".join(_lines(header, rows))


def csv_stream(
    filename: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A download of many rows, which are made while the first of them are already on their way."""
    return named(StreamingHttpResponse(_lines(header, rows), content_type=_TYPE), filename)


def _lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    text.write("\ufeff")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _cell(value: object) -> object:
    """The value, with an apostrophe before what a spreadsheet would take for a formula."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value
