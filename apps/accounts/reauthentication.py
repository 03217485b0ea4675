"""Dangerous acts ask once more who it is, when that was last proven too long ago."""

from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from apps.accounts.sessions import is_confirmed
from apps.core.access import lead_to

CONFIRM = "accounts:confirm"


def confirm_first(request: HttpRequest) -> HttpResponseBase | None:
    """The way to the page that asks for password or second factor, which leads back here; None when not needed.

    Needed when the last proof is older than `REAUTHENTICATION_LIMIT` (ASVS 5.0, 7.5.1 and 7.5.3).
    """
    if is_confirmed(request.session, settings.REAUTHENTICATION_LIMIT):
        return None
    return lead_to(request, CONFIRM)


class ReauthenticationRequired:
    """Mixin of a page with a dangerous act; it stands after CapabilityRequired, which decides first.

    `confirmed_methods` says when to ask: before the form is filled in, so that nothing typed is lost, and at its end.
    """

    confirmed_methods: tuple[str, ...] = ("GET", "POST")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in self.confirmed_methods and (first := confirm_first(request)):
            return first
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


def reauthentication_required(view: Any) -> Any:
    """The same for a method of a class whose first argument is the request, such as a page of Django admin."""

    @wraps(view)
    def confirmed(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return confirm_first(request) or view(self, request, *args, **kwargs)

    return confirmed
