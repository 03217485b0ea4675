"""Deciding whether an endpoint opens. Endpoints declare a capability; this checks it."""

from typing import Any

from rest_framework.permissions import BasePermission

from apps.core.access import CapabilityRequired, capability_for
from apps.core.capabilities import PUBLIC

__all__ = ["CapabilityRequired", "HasCapability", "capability_for"]


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
