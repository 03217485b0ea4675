"""What must be in place in every process that runs Django."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core import checks


class HoofbeatConfig(AppConfig):
    """Connects Celery, so that queueing works from every process, and registers the system checks."""

    name = "config"
    verbose_name = "Hoofbeat"

    def ready(self) -> None:
        from config import celery  # noqa: F401 - makes it Celery's current application
        from config.checks import columns_are_classified, endpoints_declare_capabilities

        checks.register(endpoints_declare_capabilities, checks.Tags.security)
        checks.register(columns_are_classified, checks.Tags.security)


class HoofbeatAdminConfig(AdminConfig):
    """Django admin, opened by a capability instead of the `is_staff` flag."""

    default_site = "config.admin.HoofbeatAdminSite"
