"""The policy of monitoring in Django admin."""

from typing import Any, NoReturn

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.admin import Confirmed
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.problems import Denied
from apps.lifecycle.models import MonitoringPolicy


@admin.register(MonitoringPolicy)
class MonitoringPolicyAdmin(Confirmed):
    """One row, for everybody who may open the administration; each change is an event with old and new values."""

    fieldsets = (
        (
            _("Windows"),
            {
                "fields": (
                    "current_size", "current_days", "reference_size", "reference_since", "outcomes_size",
                    "skew_sample",
                )
            },
        ),
        (
            _("What alarms"),
            {
                "fields": (
                    "alpha", "least_shift", "least_share", "least_predictions", "least_outcomes", "training_days",
                    "knowledge_days", "p99_ms", "error_share", "skew",
                )
            },
        ),
        (
            _("What follows"),
            {
                "fields": (
                    "starts_on_drift", "starts_on_quality", "starts_on_outcomes", "starts_on_staleness",
                    "starts_on_knowledge", "starts_on_erasure", "cool_down_days", "tells_by_email",
                    "tells_by_webhook",
                )
            },
        ),
    )  # fmt: skip

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.actor.can(Capability.ADMIN_ACCESS))  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Denied("admin.read", "monitoringpolicy")

    def save_model(self, request: HttpRequest, obj: MonitoringPolicy, form: Any, change: bool) -> None:
        """With its event, which is the policy's history."""
        super().save_model(request, obj, form, change)
        record_event(
            actor=request.actor,  # type: ignore[attr-defined]
            action="monitoring.policy",
            object_type="monitoring_policy",
            details={
                "changed": {
                    name: [str(form.initial.get(name)), str(form.cleaned_data[name])]
                    for name in form.changed_data
                }
            },
        )
