"""How a page opens: signed in, with the capability that its view declares, and never from a cache."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

Declared = str | dict[str, str]


def capability_for(view: Any, method: str) -> str:
    """What `view` declares for `method`: one capability for all, or one a method (HEAD and OPTIONS as GET)."""
    declared: Declared = view.capability
    if isinstance(declared, str):
        return declared
    return declared.get(method) or declared.get("GET") or next(iter(declared.values()))


class CapabilityRequired:
    """Mixin of every page: a sign-in form without a session, Denied without the capability."""

    capability: Declared
    request: HttpRequest
    # Fields in which NUL gets an answer of the page's own.
    fields_with_any_text: tuple[str, ...] = ()

    @property
    def actor(self) -> Any:
        """Whoever acts (`apps.accounts.actors.Actor`), for the services and selectors that the view calls."""
        return self.request.actor  # type: ignore[attr-defined]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return lead_to(request, settings.LOGIN_URL)
        _refuse_nul(request, self.fields_with_any_text)
        self.actor.require(capability_for(self, request.method or "GET"))
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        # On a shared ward computer the back button must not show the last colleague's patient.
        add_never_cache_headers(response)
        return response


def _refuse_nul(request: HttpRequest, but_in: tuple[str, ...]) -> None:
    """No page has a use for the character NUL, and PostgreSQL takes it in no text: 400."""
    given = (
        text
        for source in (request.GET, request.POST)
        for name, texts in source.lists()
        if name not in but_in
        for text in texts
    )
    if "\0" in request.path or any("\0" in text for text in given):
        raise BadRequest("NUL in the input")


def lead_to(request: HttpRequest, address: str) -> HttpResponseBase:
    """Lead to `address` (such as the sign-in) first, and from there back to the page that the person saw.

    That is not always what was asked for: a fragment or a form is only part of a page.
    """
    is_part = "HX-Request" in request.headers
    if not is_part and request.method in {"GET", "HEAD"}:
        return redirect_to_login(request.get_full_path(), resolve_url(address))
    seen = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    allowed = url_has_allowed_host_and_scheme(seen, {request.get_host()}, require_https=request.is_secure())
    parts = urlsplit(seen if allowed else "/")
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if not is_part:
        return redirect_to_login(target, resolve_url(address))
    whole = f"{resolve_url(address)}?{urlencode({'next': target})}"
    return HttpResponse(status=204, headers={"HX-Redirect": whole})
