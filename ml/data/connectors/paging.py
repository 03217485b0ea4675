"""Lists that come in pages: how the next request follows from a page, and when it is the last."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urljoin

import jmespath

from ml.data.connectors import Blob, SourceError
from ml.data.connectors.options import Options
from ml.data.connectors.web import Answer, Web
from ml.data.formats import records_at
from ml.serving.phenopacket import PacketError

_KINDS = ("next-link", "link-header", "cursor", "page", "offset")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    url: str
    parameters: Mapping[str, Any]

    def asking(self, parameter: str, value: Any) -> "Request":
        """The same with one parameter set."""
        return replace(self, parameters={**self.parameters, parameter: value})


@dataclass(frozen=True)
class Page:
    """One answer; `number` counts from 1."""

    number: int
    request: Request
    answer: Answer
    records: str

    @cached_property
    def found(self) -> list[Any] | None:
        """Its records; None where they cannot be read."""
        try:
            return records_at(self.answer.content, self.records)
        except PacketError:
            return None

    def at(self, path: str) -> Any:
        """What stands in the body at a JMESPath."""
        try:
            return jmespath.search(path, json.loads(self.answer.content))
        except (ValueError, RecursionError, jmespath.exceptions.JMESPathError):
            return None

    def link(self, link: Any) -> Request | None:
        """The request that a link means; it holds all its parameters."""
        if link is not None and not isinstance(link, str):
            raise SourceError(
                f"page {self.number}: the link to the next page is no text; an address was expected"
            )
        return Request(urljoin(self.answer.url, link), {}) if link else None


Follow = Callable[[Page], Request | None]


def follow_link(path: str) -> Follow:
    """By the link that stands in the body at a JMESPath."""
    return lambda page: page.link(page.at(path))


def read_paging(options: Options | None, request: Request) -> tuple[Request, Follow]:
    """The first request, and what follows a page, by a section `paging` of a source file. Raises SourceError."""
    if options is None:
        return request, lambda _page: None
    kind = options.choice("kind", _KINDS)
    path = options.path("at") if kind in ("next-link", "cursor") else ""
    parameter = options.text("parameter") if kind in ("cursor", "page", "offset") else ""
    start = int(options.number("first", 1)) if kind == "page" else 0
    options.end()

    def by_cursor(page: Page) -> Request | None:
        cursor = page.at(path)
        if cursor in (None, ""):
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, str | int):
            raise SourceError(f"page {page.number}: the cursor is neither a text nor a number")
        return request.asking(parameter, cursor)

    def by_offset(page: Page) -> Request | None:
        offset = int(page.request.parameters[parameter])
        return request.asking(parameter, offset + len(page.found)) if page.found else None

    def by_number(page: Page) -> Request | None:
        # what follows a page that cannot be read is known nevertheless
        return None if page.found == [] else request.asking(parameter, start + page.number)

    follow = {
        "next-link": follow_link(path),
        "link-header": lambda page: page.link(page.answer.next_link),
        "cursor": by_cursor,
        "page": by_number,
        "offset": by_offset,
    }[kind]
    return (request.asking(parameter, start) if kind in ("page", "offset") else request), follow


def read_pages(
    web: Web, request: Request, follow: Follow, records: str, *, name: str = "page", accept: str
) -> Iterator[Blob]:
    """Every page as it came. Raises SourceError when the end of the list cannot be reached.

    A page that holds no records that can be read is left to whoever reads the blobs, as long as it is known which one
    follows.
    """
    asked: set[str] = set()
    before: Page | None = None
    for number in itertools.count(1):
        answer = web.get(request.url, request.parameters, f"{name} {number}", accept)
        yield Blob(f"{name}-{number:05}.json", answer.content, records)
        page = Page(number, request, answer, records)
        asked.add(repr((request.url, request.parameters)))
        following = follow(page)
        if page.found is None and (following is None or (before is not None and before.found is None)):
            raise SourceError(
                f"{name} {number} holds no list at {records!r}, so the end of the list is not reached"
            )
        if following is None:
            return
        if repr((following.url, following.parameters)) in asked:
            raise SourceError(
                f"{name} {number} is followed by one that came before; a way ahead was expected"
            )
        if before is not None and page.found and answer.content == before.answer.content:
            raise SourceError(
                f"{name} {number} is the same as the one before; a parameter that turns pages was expected"
            )
        request, before = following, page
