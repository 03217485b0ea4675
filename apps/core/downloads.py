"""Files that are downloaded."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponseBase, StreamingHttpResponse

R = TypeVar("R", bound=HttpResponseBase)
_encoder = DjangoJSONEncoder(ensure_ascii=False)


def named(response: R, filename: str) -> R:
    """`response` as a file to be saved under that name."""
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def json_stream(filename: str, head: dict[str, Any], name: str, rows: Iterable[Any]) -> StreamingHttpResponse:
    """A JSON object of `head` and, as its member `name`, the rows, one a line, which are made while they are sent."""
    return named(StreamingHttpResponse(_json(head, name, rows), content_type="application/json"), filename)


def _json(head: dict[str, Any], name: str, rows: Iterable[Any]) -> Iterator[str]:
    yield _encoder.encode(head | {name: []}).removesuffix("]}")
    separator = "\n"
    for row in rows:
        yield separator + _encoder.encode(row)
        separator = ",\n"
    yield "\n]}\n"
