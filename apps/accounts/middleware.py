"""Makes `request.actor`, and ends sessions that have lasted long enough."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.actors import Actor
from apps.accounts.lockout import Attempt
from apps.accounts.models import User
from apps.accounts.selectors import get_actor
from apps.accounts.services import record_session
from apps.accounts.sessions import note_activity, why_over
from apps.core.answers import API_PREFIX
from apps.core.capabilities import PUBLIC


def actor_of(request: HttpRequest, user: User | None, token_id: UUID | None = None) -> Actor:
    """The actor behind `request`; one without capabilities when nobody is signed in."""
    address = request.META.get("REMOTE_ADDR") or None
    request_id = getattr(request, "request_id", "")
    if user is None or not user.is_authenticated:
        return Actor(address=address, request_id=request_id)
    return get_actor(user=user, token_id=token_id, address=address, request_id=request_id)


def attempt_of(request: HttpRequest, account: User | None) -> Attempt:
    """A failed attempt to sign in as `account`."""
    return Attempt(
        account=account,
        address=request.META.get("REMOTE_ADDR") or None,
        request_id=getattr(request, "request_id", ""),
    )


class ActorMiddleware:
    """Gives each request the actor of its session, looked up when first asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_of(request, request.user))  # type: ignore[attr-defined,arg-type]
        return self.get_response(request)


class SessionMiddleware:
    """Ends a session that nobody used for a while or that is too old, before any page opens.

    Whoever was signed out meets the sign-in form, which says why and leads back to the page. The API knows no sessions.
    """

    # What pages ask for by themselves, such as the progress of a job, is no sign of a person.
    UNATTENDED = "X-Unattended"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if is_public(view) or request.path.startswith(API_PREFIX) or not request.user.is_authenticated:
            return None
        if reason := why_over(request.session):
            record_session(
                actor=actor_of(request, request.user), action="account.end", details={"why": reason}
            )
            logout(request)
            messages.warning(request, _why_signed_out(reason))
        elif self.UNATTENDED not in request.headers:
            note_activity(request.session)
        return None


def is_public(view: Any) -> bool:
    """Whether the view says that it is meant for everyone."""
    view = getattr(view, "view_class", None) or getattr(view, "cls", None) or view
    return getattr(view, "capability", None) == PUBLIC


def _why_signed_out(reason: str) -> str:
    kept = _("What was saved is kept. Sign in, and you come back to where you were.")
    if reason == "idle":
        minutes = int(settings.SESSION_IDLE_LIMIT.total_seconds()) // 60
        why = ngettext(
            "You were signed out because nothing happened for %(n)d minute.",
            "You were signed out because nothing happened for %(n)d minutes.",
            minutes,
        ) % {"n": minutes}
    else:
        why = _("You were signed out because you signed in long ago.")
    return f"{why} {kept}"
