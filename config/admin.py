"""Django admin, where administrators manage accounts and roles."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.core.capabilities import Capability


class HoofbeatAdminSite(admin.AdminSite):
    """Opens to whoever has the capability `admin.access`; the rest follows Django's permissions per model."""

    site_header = "Hoofbeat"
    site_title = "Hoofbeat"
    index_title = _("Administration")
    capability = Capability.ADMIN_ACCESS

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.actor.can(Capability.ADMIN_ACCESS)  # type: ignore[attr-defined]
