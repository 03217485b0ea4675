"""How a problem reaches its reader: an RFC 9457 document for programs, a page for people."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.core.problems import (
    Conflict,
    Denied,
    FieldError,
    Forbidden,
    InvalidInput,
    LengthRequired,
    Unavailable,
)

API_PREFIX = "/api/"
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (InvalidInput, 422),
    (Denied, 404),
    (Forbidden, 403),
    (Conflict, 409),
    (Unavailable, 503),
    (LengthRequired, 411),
    (RequestDataTooBig, 413),
)


def problem_status(problem: Exception) -> int:
    """HTTP status of a problem; 500 for one that nobody foresaw."""
    return next((status for kind, status in _STATUS if isinstance(problem, kind)), 500)


def describe_field_error(error: FieldError) -> dict[str, Any]:
    """One entry of the `errors` member."""
    entry: dict[str, Any] = {"field": error.field, "code": error.code, "detail": error.detail}
    if error.value:
        entry["value"] = error.value
    if error.near:
        entry["near"] = [{"id": identifier, "label": label} for identifier, label in error.near]
    return entry


def problem_document(status: int, title: str, detail: str, request_id: str, **more: Any) -> dict[str, Any]:
    """An RFC 9457 problem document (section 3.1); `errors` lists what is wrong, field by field."""
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
    } | more


def problem_json(request: HttpRequest, status: int, title: str, detail: str, **more: Any) -> JsonResponse:
    """The document as an answer of type `application/problem+json`."""
    document = problem_document(status, title, detail, getattr(request, "request_id", ""), **more)
    return JsonResponse(document, status=status, content_type="application/problem+json")


def problem_answer(request: HttpRequest, problem: Exception) -> HttpResponse:
    """The answer to `problem`, in the form that fits the request's path."""
    status = problem_status(problem)
    title = titles()[status]
    errors = problem.errors if isinstance(problem, InvalidInput) else ()
    # A denial must not tell more than that there is nothing to see.
    detail = title if isinstance(problem, Denied) else str(problem)
    if request.path.startswith(API_PREFIX):
        more = {"errors": [describe_field_error(error) for error in errors]} if errors else {}
        return problem_json(request, status, title, detail, **more)
    context = {"status": status, "title": title, "detail": detail, "errors": errors}
    return render(request, "problem.html", context, status=status)


def titles() -> dict[int, str]:
    """One short sentence for each status that a caller may meet, in the request's language."""
    return {
        400: _("The request could not be read"),
        401: _("Sign in, or send a valid token"),
        403: _("This is not allowed"),
        404: _("There is nothing here that you may see"),
        405: _("This address does not take that method"),
        406: _("Only JSON is spoken here"),
        409: _("This cannot be done now"),
        411: _("Say how long the request is: send Content-Length"),
        413: _("The request is too large"),
        415: _("Send JSON: Content-Type: application/json"),
        422: _("The input cannot be used"),
        429: _("Too many requests; wait a moment"),
        500: _("Something went wrong on our side; it was logged"),
        503: _("The service is not available right now; nothing was saved"),
    }
