"""FHIR R4 servers: bundles of Patient, Condition and Observation as they are paged; `ml.data.fhir` reads them."""

from collections.abc import Iterator
from typing import Any

from ml.data.connectors import Blob, Source
from ml.data.connectors.options import Options
from ml.data.connectors.paging import Request, follow_link, read_pages
from ml.data.connectors.web import Web
from ml.data.fhir import ENTRIES, TYPES

_NEXT = "link[?relation=='next'].url | [0]"
_A_PAGE = 200


def read_fhir(source: Source) -> Iterator[Blob]:
    """The bundles of three searches (hl7.org/fhir/R4/http.html#search and #paging). Raises SourceError.

    `location` is the base of the server. `options`: `parameters` by type of resource, and those of `Web`.
    """
    web, searches = _prepared(source)
    web.sign_in()
    for kind, given in searches.items():
        request = Request(f"{source.location.rstrip('/')}/{kind}", given)
        yield from read_pages(
            web, request, follow_link(_NEXT), ENTRIES, name=kind, accept="application/fhir+json"
        )


def check_fhir(source: Source) -> None:
    """Whether all is said that is needed. Raises SourceError."""
    _prepared(source)


def _prepared(source: Source) -> tuple[Web, dict[str, dict[str, Any]]]:
    options = Options(source.options)
    parameters = options.section("parameters") or Options({})
    searches = {kind: {"_count": _A_PAGE} | parameters.values(kind) for kind in TYPES}
    parameters.end()
    web = Web(source, options)
    options.end()
    return web, searches
