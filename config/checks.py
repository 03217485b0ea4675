"""System checks of the house's own rules."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error
from django.urls import URLPattern, URLResolver, get_resolver

from apps.core.capabilities import PUBLIC, Capability
from apps.privacy.inventory.gaps import find_gaps

# Views of libraries cannot declare a capability themselves; this says what guards each.
GUARDED_ELSEWHERE = {
    "admin": "HoofbeatAdminSite.has_permission asks for admin.access",
}


def endpoints() -> Iterator[tuple[str, str, Any]]:
    """Every route: (its name with namespaces, its pattern, its view class or function)."""
    yield from _walk(get_resolver().url_patterns, "", "")


def _walk(
    patterns: list[URLPattern | URLResolver], namespace: str, prefix: str
) -> Iterator[tuple[str, str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, inner, route)
        else:
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            yield f"{namespace}{pattern.name or ''}", route, view or pattern.callback


def declared_capabilities(view: Any) -> list[str] | None:
    """What `view` declares, or None when it declares nothing."""
    declared = getattr(view, "capability", None)
    if declared is None:
        return None
    return [str(value) for value in declared.values()] if isinstance(declared, dict) else [str(declared)]


def endpoints_declare_capabilities(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Fails start-up when an endpoint does not say which capability opens it."""
    known = {PUBLIC, *Capability.values}
    errors: list[CheckMessage] = []
    for name, route, view in endpoints():
        if name.split(":")[0] in GUARDED_ELSEWHERE:
            continue
        declared = declared_capabilities(view)
        if declared is None or not set(declared) <= known:
            hint = "Set `capability` to one of apps.core.capabilities, or to PUBLIC."
            errors.append(Error(f"/{route} declares no known capability", hint=hint, id="hoofbeat.E001"))
    return errors


def columns_are_classified(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Fails start-up when the processing inventory does not say what a column holds."""
    hint = "Say what it is in apps/privacy/inventory/ (patients, people or system); docs/adr/0028 says how."
    return [Error(f"{gap.place} {gap.complaint}", hint=hint, id="hoofbeat.E002") for gap in find_gaps()]
