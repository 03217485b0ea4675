"""Denials leave a trace, too."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.audit.models import Outcome
from apps.audit.services import record_event
from apps.core.problems import Denied


class DenialMiddleware:
    """Records each `Denied` that a page raised.

    It runs after the view's transaction has been rolled back, so the event stays. The REST API does the same in
    `config.problems`, where REST framework hands over its exceptions.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, Denied):
            record_denial(request, exception)


def record_denial(request: HttpRequest, denied: Denied) -> None:
    """One event with outcome `denied` that names what was asked for."""
    record_event(
        actor=request.actor,  # type: ignore[attr-defined]
        action=denied.action,
        outcome=Outcome.DENIED,
        object_type=denied.object_type,
        object_ids=denied.object_ids,
    )
