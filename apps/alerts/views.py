"""The alerts, for privacy officers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import people_of
from apps.alerts.selectors import list_alerts
from apps.core.capabilities import Capability
from apps.core.paging import cursor_page

PAGE_SIZE = 50


class Alerts(CapabilityRequired, View):
    """What alarmed the system, newest first. They name no patient, so reading them is no access to one."""

    capability = Capability.EMERGENCY_REVIEW

    def get(self, request: HttpRequest) -> HttpResponse:
        page = cursor_page(
            list_alerts(actor=self.actor),
            before=request.GET.get("before", ""),
            after=request.GET.get("after", ""),
            size=PAGE_SIZE,
        )
        people = people_of(actor=self.actor, user_ids=[row.account_id for row in page.rows if row.account_id])
        rows = [{"alert": row, "person": people.get(row.account_id)} for row in page.rows]
        return render(request, "alerts/list.html", {"page": page, "rows": rows})
