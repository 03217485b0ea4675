"""Deciding whether an endpoint opens. Endpoints declare a capability; this checks it."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import BasePermission

from apps.core.capabilities import PUBLIC

Declared = str | dict[str, str]


def capability_for(view: Any, method: str) -> str:
    """What `view` declares for `method`: one capability for all, or one a method (HEAD and OPTIONS as GET)."""
    declared: Declared = view.capability
    if isinstance(declared, str):
        return declared
    return declared.get(method) or declared.get("GET") or next(iter(declared.values()))


class HasCapability(BasePermission):
    """REST framework's permission: 401 without a valid token, Denied (404 and an event) without the capability."""

    def has_permission(self, request: Any, view: Any) -> bool:
        capability = capability_for(view, request.method)
        if capability == PUBLIC:
            return True
        if not request.user:
            return False
        request.actor.require(capability)
        return True


class CapabilityRequired:
    """Mixin of every page: a sign-in form without a session, Denied without the capability."""

    capability: Declared

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        request.actor.require(capability_for(self, request.method or "GET"))  # type: ignore[attr-defined]
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
