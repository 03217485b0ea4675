"""What holds for every request: an id, a limit on its size, and an answer instead of a traceback."""

import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.urls import Resolver404, resolve
from django.utils.translation import gettext_lazy as _

from apps.core.access import capability_for
from apps.core.answers import problem_answer
from apps.core.identifiers import uuid7
from apps.core.problems import LengthRequired, Problem, Unavailable
from apps.core.tenancy import organisation_scope

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]
DATABASE_DOWN = _("The database did not take the work.")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Gives each request an id, or keeps the one its proxy gave, and repeats it in `X-Request-ID`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid7())  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


class OrganisationMiddleware:
    """Each request begins with nobody's rows, and what it may see ends with it (`apps.core.tenancy`)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with organisation_scope(None):
            return self.get_response(request)


class BrowserPolicyMiddleware:
    """Tells browsers that no page needs a device or may be drawn into another site's page (static files included)."""

    _HEADERS: ClassVar[dict[str, str]] = {
        "Permissions-Policy": ", ".join(
            f"{feature}=()"
            for feature in (
                "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid",
                "magnetometer", "microphone", "midi", "payment", "serial", "usb",
            )
        ),
        "Cross-Origin-Resource-Policy": "same-origin",
    }  # fmt: skip

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in self._HEADERS.items():
            response.setdefault(name, value)
        return response


class ProblemMiddleware:
    """Turns problems, and a database that does not answer, into pages or problem+json."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Problem):
            return problem_answer(request, exception)
        if isinstance(exception, DatabaseError | InterfaceError):
            logger.exception("the database refused or did not answer", exc_info=exception)
            return problem_answer(request, Unavailable(DATABASE_DOWN))
        return None


class SlashMiddleware(CommonMiddleware):
    """Leads to the address with its slash by 308, which keeps method and body; after 301 a POST becomes a GET."""

    response_redirect_class = partial(HttpResponsePermanentRedirect, preserve_request=True)  # type: ignore[assignment]


class BodySizeMiddleware:
    """Refuses bodies over `MAX_BODY_BYTES` with 413, and those of unknown length with 411; nothing reads them.

    Pages that say `takes_uploads` take up to `MAX_UPLOAD_BYTES`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            # WSGI hands such a body over as an empty one; to go on would be to misunderstand the caller.
            return problem_answer(
                request, LengthRequired(_("A body in chunks is not read; send Content-Length."))
            )
        most = settings.MAX_UPLOAD_BYTES if _takes_uploads(request.path_info) else settings.MAX_BODY_BYTES
        if length > most:
            return _too_big(request, most)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, arguments: Any, named: Any
    ) -> HttpResponse | None:
        """Before anything reads the body: of a large one only from somebody who may do what the page is for."""
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length <= settings.MAX_BODY_BYTES:
            return None
        actor = getattr(request, "actor", None)
        if actor is None or not actor.can(capability_for(view.view_class, request.method or "POST")):
            return _too_big(request, settings.MAX_BODY_BYTES)
        return None


def _takes_uploads(path: str) -> bool:
    """Whether the page at an address takes files of data, as its view says with `takes_uploads`."""
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    return bool(getattr(getattr(view, "view_class", None), "takes_uploads", False))


def _too_big(request: HttpRequest, most: int) -> HttpResponse:
    detail = _("It is over %(n)d bytes.") % {"n": most}
    return problem_answer(request, RequestDataTooBig(detail))
