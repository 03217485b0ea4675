"""The pages on how the running model does."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.core.paging import cursor_page
from apps.core.queue import queue_after_commit
from apps.core.spreadsheets import csv_stream
from apps.lifecycle.models import MonitoringReport
from apps.lifecycle.monitoring import request_check
from apps.lifecycle.monitoring_selectors import (
    current_policy,
    family_of,
    get_report,
    latest_check,
    list_reports,
    list_triggers,
    trends_of,
)
from apps.lifecycle.tasks import check_model
from apps.registry.selectors import current_release

_TREND = 12
_TRIGGERS = 5
_PAGE = 20
# The gravest first: what it is watched for is whether it still finds diagnoses.
_FAMILIES = ("outcomes", "drift", "quality", "skew", "service", "staleness")


class Monitoring(CapabilityRequired, View):
    """How the running model does now, what was started because of it, and all reports."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        report = list_reports(actor=self.actor).first()
        page = cursor_page(
            list_reports(actor=self.actor).defer("checks", "quality"),
            before=request.GET.get("before", ""),
            after=request.GET.get("after", ""),
            size=_PAGE,
        )
        release = current_release()
        context = {
            "is_current": True,
            "page": page,
            "release": release,
            "is_of_another": report is not None and report.model != release.model,
            "triggers": list(list_triggers(actor=self.actor)[:_TRIGGERS]),
            "policy": current_policy(),
            **_state(self),
            **(_found(report) if report else {}),
        }
        return render(request, "lifecycle/monitoring.html", context)


class Report(CapabilityRequired, View):
    """An earlier report."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest, report_id: UUID) -> HttpResponse:
        report = get_report(actor=self.actor, report_id=report_id)
        return render(request, "lifecycle/monitoring_report.html", _found(report))


class CheckState(CapabilityRequired, View):
    """How far the check is, asked for again while one is under way."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("lifecycle:monitoring")
        state = _state(self)
        response = render(request, "lifecycle/monitoring_state.html", state)
        if not state["is_busy"]:
            response["HX-Refresh"] = "true"
        return response


class CheckNow(CapabilityRequired, View):
    """Asks for a check."""

    capability = Capability.MODEL_TRAIN
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest) -> HttpResponse:
        check = request_check(actor=self.actor)
        queue_after_commit(check_model, str(check.pk))
        messages.success(request, _("The check was requested. Its report will stand here in a moment."))
        return redirect("lifecycle:monitoring")


class MonitoringExport(CapabilityRequired, View):
    """All checks of all reports as a table, newest first."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponseBase:
        header = ("report", "made_at", "model", "current_from", "current_until", "n_current", "n_reference",
                  "check", "verdict", "figure", "threshold", "since", "reason")  # fmt: skip
        return csv_stream(
            "hoofbeat-monitoring.csv", header, _lines(list_reports(actor=self.actor).iterator())
        )


def _lines(reports: Iterator[MonitoringReport]) -> Iterator[tuple[Any, ...]]:
    for report in reports:
        about = (
            report.pk, report.created_at, report.model.number, report.current_from, report.current_until,
            report.n_current, report.n_reference,
        )  # fmt: skip
        for check in report.checks:
            yield (
                *about, check["name"], check["verdict"], check["figure"], check["threshold"], check["since"],
                check["reason"],
            )  # fmt: skip


def _state(view: CapabilityRequired) -> dict[str, Any]:
    check = latest_check(actor=view.actor)
    return {"check": check, "is_busy": check is not None and check.state in UNFINISHED}


def _found(report: MonitoringReport) -> dict[str, Any]:
    """A report as its page shows it: checks by family, each with its figures in the reports before."""
    trends = trends_of(report=report, n=_TREND)
    checks = [check | {"trend": trends.get(check["name"], [])} for check in report.checks]
    families = [
        (family, [check for check in checks if family_of(check["name"]) == family]) for family in _FAMILIES
    ]
    return {
        "report": report,
        "families": [(family, found) for family, found in families if found],
        "n_alarms": sum(check["verdict"] == "alarm" for check in checks),
        "n_ok": sum(check["verdict"] == "ok" for check in checks),
        "n_unknown": sum(check["verdict"] == "insufficient_evidence" for check in checks),
    }
