"""Django admin, where administrators manage accounts and roles."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.accounts.views import SignOut
from apps.core.capabilities import Capability


class HoofbeatAdminSite(admin.AdminSite):
    """Opens to whoever has the capability `admin.access`; the rest follows Django's permissions per model.

    Signing in and out and changing one's password happen on our own pages, which leave events; Django's leave none.
    """

    site_header = "Hoofbeat"
    site_title = "Hoofbeat"
    index_title = _("Administration")
    capability = Capability.ADMIN_ACCESS

    def has_permission(self, request: HttpRequest) -> bool:
        """Raises Denied for somebody signed in who may not; False, which leads to the sign-in, for nobody."""
        if not request.user.is_authenticated:
            return False
        request.actor.require(Capability.ADMIN_ACCESS)  # type: ignore[attr-defined]
        return True

    def get_urls(self) -> list[Any]:
        """Without `view_on_site`: no record here has a page of its own, and it fails on ids that are no numbers."""
        return [pattern for pattern in super().get_urls() if getattr(pattern, "name", "") != "view_on_site"]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """To our own sign-in, and from there to where the person wanted to go."""
        target = request.GET.get("next") or reverse("admin:index")
        return redirect(reverse("accounts:sign-in", query={"next": target}))

    # Django types the answers of these more narrowly than its URLs need.
    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """As on our own pages, with an event."""
        return SignOut.as_view()(request)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """To our own page for that."""
        return redirect("accounts:password")

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Nobody comes here; whoever typed it sees his account."""
        return redirect("accounts:account")
