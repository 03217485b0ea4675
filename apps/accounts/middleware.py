"""Makes `request.actor`."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.selectors import get_actor


def actor_of(request: HttpRequest, user: User | None, token_id: UUID | None = None) -> Actor:
    """The actor behind `request`; one without capabilities when nobody is signed in."""
    address = request.META.get("REMOTE_ADDR") or None
    request_id = getattr(request, "request_id", "")
    if user is None or not user.is_authenticated:
        return Actor(address=address, request_id=request_id)
    return get_actor(user=user, token_id=token_id, address=address, request_id=request_id)


class ActorMiddleware:
    """Gives each request the actor of its session, looked up when first asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_of(request, request.user))  # type: ignore[attr-defined,arg-type]
        return self.get_response(request)
