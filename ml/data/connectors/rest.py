"""REST APIs that answer JSON: page after page, each kept as it came."""

from collections.abc import Iterator

from ml.data.connectors import Blob, Source
from ml.data.connectors.options import Options
from ml.data.connectors.paging import Follow, Request, read_pages, read_paging
from ml.data.connectors.web import Web


def read_rest(source: Source) -> Iterator[Blob]:
    """The pages of a list. Raises SourceError.

    `options`: `records` (JMESPath of the list in a page), `parameters` of the request, `paging`, and those of `Web`.
    """
    web, request, follow, records = _prepared(source)
    web.sign_in()
    yield from read_pages(web, request, follow, records, accept="application/json")


def check_rest(source: Source) -> None:
    """Whether all is said that is needed. Raises SourceError."""
    _prepared(source)


def _prepared(source: Source) -> tuple[Web, Request, Follow, str]:
    options = Options(source.options)
    records = options.path("records", "@")
    first = Request(source.location, options.values("parameters"))
    request, follow = read_paging(options.section("paging"), first)
    web = Web(source, options)
    options.end()
    return web, request, follow, records
