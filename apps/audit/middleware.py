"""Denials leave a trace, too."""

from collections.abc import Callable
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from apps.audit.models import Outcome
from apps.audit.services import record_event
from apps.core.problems import Denied, Forbidden


class DenialMiddleware:
    """Records each `Denied` and `Forbidden` that a page raised, and what a library refused.

    It runs after the view's transaction has been rolled back, so the event stays. The REST API does the same in
    `config.problems`, where REST framework hands over its exceptions.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, Denied | Forbidden):
            record_denial(request, exception)
        elif isinstance(exception, PermissionDenied):
            record_denial(request, Denied("page.access"))


def record_denial(request: HttpRequest, refused: Denied | Forbidden) -> None:
    """One event with outcome `denied` that names what was asked for.

    Who lacks the capability is refused before any view knows of whom it is; then it is the address that says so. A
    trigger adds whose data that is, as far as the organisation has such a patient.
    """
    match = request.resolver_match
    asked = {
        name: value for name, value in (match.kwargs if match else {}).items() if isinstance(value, UUID)
    }
    record_event(
        actor=request.actor,  # type: ignore[attr-defined]
        action=refused.action,
        outcome=Outcome.DENIED,
        object_type=refused.object_type or next(iter(asked), "").removesuffix("_id"),
        object_ids=refused.object_ids or asked.values(),
    )
