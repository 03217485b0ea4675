"""SOAP services: the answer of one operation, through zeep (extra `soap`)."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from ml.data.connectors import Blob, Source, SourceError
from ml.data.connectors.options import Options
from ml.data.connectors.web import RETRIED, Web, told
from ml.data.formats import plain

# faults come with status 500 and are answers
_RETRIED = tuple(status for status in RETRIED if status != 500)


def read_soap(source: Source) -> Iterator[Blob]:
    """What the operation answers, decoded by the WSDL into JSON. Raises SourceError.

    `location` is the address of the WSDL. `options`: `operation`, `parameters`, `records` (JMESPath of the list in the
    decoded answer), and those of `Web`. The service and all that the WSDL imports must be on the WSDL's server.
    """
    web, operation, parameters, records = _prepared(source)
    try:
        import zeep
        from lxml.etree import LxmlError
        from zeep.helpers import serialize_object
    except ImportError:
        raise SourceError("kind: soap needs the extra `soap` (pip install 'hoofbeat[soap]')") from None

    class Transport(zeep.Transport):  # type: ignore[misc]
        def load(self, url: str) -> bytes:
            # zeep's own reads local files, too, if a WSDL says so
            content: bytes = self._load_remote_data(urljoin(source.location, url))
            return content

    web.sign_in()
    transport = Transport(session=web.session)
    web.session.adapters.pop("file://")  # of zeep, for WSDLs on disk
    what = "the WSDL"
    try:
        with told(what):
            client = zeep.Client(
                source.location, transport=transport, settings=zeep.Settings(forbid_dtd=True)
            )
        if operation not in client.service._operations:
            known = ", ".join(sorted(client.service._operations))
            raise SourceError(f"options.operation: {operation!r}; one of {known} was expected")
        what = f"operation {operation}"
        with told(what):
            answer = client.service[operation](**parameters)
    except zeep.exceptions.Fault as error:
        raise SourceError(f"{what} answered a fault, {error.code}") from None
    except zeep.exceptions.TransportError as error:
        raise SourceError(f"{what} answered {error.status_code}; 200 OK was expected") from None
    except (zeep.exceptions.Error, LxmlError, TypeError) as error:
        raise SourceError(f"{what}: {type(error).__name__}: {error}") from None
    content = json.dumps(serialize_object(answer, dict), ensure_ascii=False, default=_json)
    yield Blob(f"{operation}.json", content.encode(), records)


def check_soap(source: Source) -> None:
    """Whether all is said that is needed. Raises SourceError."""
    _prepared(source)


def _prepared(source: Source) -> tuple[Web, str, dict[str, Any], str]:
    options = Options(source.options)
    operation = options.text("operation")
    parameters = options.values("parameters")
    records = options.path("records", "@")
    web = Web(source, options, retried=_RETRIED)
    options.end()
    return web, operation, parameters, records


def _json(value: Any) -> Any:
    shown = plain(value)
    return str(value) if shown is value else shown
