"""Answers to what no view caught: Django's error handlers, and REST framework's exception handler."""

import sys
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.settings import api_settings

from apps.audit.middleware import record_denial
from apps.core.answers import API_PREFIX, problem_answer, problem_json, titles
from apps.core.middleware import DATABASE_DOWN
from apps.core.problems import Denied, FieldError, Forbidden, InvalidInput, Problem, Unavailable


def _answer(request: HttpRequest, status: int) -> HttpResponse:
    title = titles()[status]
    if request.path.startswith(API_PREFIX):
        return problem_json(request, status, title, title)
    return render(request, "problem.html", {"status": status, "title": title, "detail": ""}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 when Django found the body too large."""
    return _answer(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 of a library's view; our own answer 404."""
    return _answer(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 for an address that leads nowhere."""
    return _answer(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500; or 503 when it was the database that failed before any view could answer, in a middleware."""
    error = sys.exc_info()[1]
    if isinstance(error, DatabaseError | InterfaceError):
        return problem_answer(request, Unavailable(DATABASE_DOWN))
    if isinstance(error, Problem):
        return problem_answer(request, error)
    return _answer(request, 500)


def api_exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """RFC 9457 for everything that REST framework raises, and for our own problems."""
    request = context["request"]._request
    if isinstance(error, Http404 | PermissionDenied | exceptions.PermissionDenied):
        error = Denied("api.access")
    if isinstance(error, exceptions.ValidationError):
        error = InvalidInput(_field_errors(error.detail, ""))
    if isinstance(error, Denied | Forbidden):
        record_denial(request, error)
    if isinstance(error, Problem):
        return problem_answer(request, error)
    if isinstance(error, exceptions.APIException):
        return _from_rest_framework(request, error)
    return None


def _from_rest_framework(request: HttpRequest, error: exceptions.APIException) -> HttpResponse:
    status = error.status_code
    response = problem_json(request, status, titles().get(status, str(error.detail)), str(error.detail))
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait) + 1)
    return response


def _field_errors(detail: Any, field: str) -> Iterator[FieldError]:
    """REST framework's nested details as one list, with fields named as in `findings.present[3]`."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _field_errors(value, _member(field, key))
    elif isinstance(detail, list):
        for value in detail:
            yield from _field_errors(value, field)
    else:
        yield FieldError(field or "body", str(detail.code), str(detail))


def _member(field: str, key: str | int) -> str:
    if key == api_settings.NON_FIELD_ERRORS_KEY:
        return field
    if isinstance(key, int):
        return f"{field}[{key}]"
    return f"{field}.{key}" if field else key
