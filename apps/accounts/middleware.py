"""Makes `request.actor`, and ends sessions that have lasted long enough."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.actors import Actor, Token
from apps.accounts.factors import has_second_factor, needs_second_factor
from apps.accounts.lockout import Attempt
from apps.accounts.models import User
from apps.accounts.selectors import get_actor
from apps.accounts.services import record_session
from apps.accounts.sessions import has_proven_second_factor, note_activity, why_over
from apps.core.access import lead_to
from apps.core.answers import API_PREFIX
from apps.core.capabilities import PUBLIC
from apps.core.tenancy import enter_organisation


def actor_of(request: HttpRequest, user: User | None, token: Token | None = None) -> Actor:
    """The actor behind `request`; one without capabilities when nobody is signed in."""
    address = request.META.get("REMOTE_ADDR") or None
    request_id = getattr(request, "request_id", "")
    if user is None or not user.is_authenticated:
        return Actor(address=address, request_id=request_id)
    return get_actor(user=user, token=token, address=address, request_id=request_id)


def act_as(request: HttpRequest, user: User | None, token: Token | None = None) -> Actor:
    """The actor behind `request`, whose organisation's rows are there from now on, and no other's."""
    actor = actor_of(request, user, token)
    enter_organisation(actor.scope)
    return actor


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
        request.actor = SimpleLazyObject(lambda: act_as(request, request.user))  # type: ignore[attr-defined,arg-type]
        return self.get_response(request)


class SessionMiddleware:
    """Ends a session that nobody used for a while or that is too old, and asks for a second factor where one is needed.

    Before any page opens but those for everyone; a view that comes first says `before_second_factor`: "always", or
    "to enrol" while the account has none.

    Whoever was signed out meets the sign-in form, which says why and leads back to the page. The API knows no sessions.
    """

    # What pages ask for by themselves, such as the progress of a job, is no sign of a person.
    UNATTENDED = "X-Unattended"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        if is_public(view) or request.path.startswith(API_PREFIX) or not request.user.is_authenticated:
            return None
        if reason := why_over(request.session):
            record_session(
                actor=actor_of(request, request.user), action="account.end", details={"why": reason}
            )
            logout(request)
            messages.warning(request, _why_signed_out(reason))
            return None
        if self.UNATTENDED not in request.headers:
            note_activity(request.session)
        return _ask_for_second_factor(request, view)


def _ask_for_second_factor(request: HttpRequest, view: Any) -> HttpResponseBase | None:
    """Where to go first when the person's role needs a second factor and this session has not proven one."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if has_proven_second_factor(request.session) or not needs_second_factor(actor):
        return None
    enrolled = has_second_factor(user=actor.account())
    open_now = {"always"} if enrolled else {"always", "to enrol"}
    if getattr(_declaring(view), "before_second_factor", "") in open_now:
        return None
    return lead_to(request, "accounts:confirm" if enrolled else "accounts:factors")


def is_public(view: Any) -> bool:
    """Whether the view says that it is meant for everyone."""
    return getattr(_declaring(view), "capability", None) == PUBLIC


def _declaring(view: Any) -> Any:
    """The class of a view, where it has one."""
    return getattr(view, "view_class", None) or getattr(view, "cls", None) or view


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
