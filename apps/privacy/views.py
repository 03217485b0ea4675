"""Retention: how long data are kept, what is due, deleting it, and what was deleted."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.cases.retention import limits_of
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.core.queue import queue_after_commit
from apps.privacy.forms import LimitsForm
from apps.privacy.selectors import count_due, count_due_under, list_retention_runs
from apps.privacy.services import request_purge, set_limits
from apps.privacy.tasks import purge_expired

MOST_SHOWN = 20


class Retention(CapabilityRequired, View):
    """How many cases are past their retention, and the runs that deleted such."""

    capability = Capability.PRIVACY_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        runs = list(list_retention_runs(actor=self.actor)[:MOST_SHOWN])
        context = {
            "due": count_due(organisation_id=self.actor.scope),
            "limits": limits_of(organisation_id=self.actor.scope),
            "runs": runs,
            "is_busy": any(run.state in UNFINISHED for run in runs),
        }
        return render(request, "privacy/retention.html", context)


class RetentionRuns(CapabilityRequired, View):
    """The table of runs alone, asked for again while one is under way."""

    capability = Capability.PRIVACY_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("privacy:retention")
        runs = list(list_retention_runs(actor=self.actor)[:MOST_SHOWN])
        is_busy = any(run.state in UNFINISHED for run in runs)
        response = render(request, "privacy/runs.html", {"runs": runs, "is_busy": is_busy})
        if not is_busy:
            # The count of what is due stands outside of this table.
            response["HX-Refresh"] = "true"
        return response


class DeleteDue(CapabilityRequired, ReauthenticationRequired, View):
    """Asks once more, then starts the deletion."""

    capability = Capability.PRIVACY_PURGE

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "privacy/delete.html", {"due": count_due(organisation_id=self.actor.scope)})

    @transaction.atomic
    def post(self, request: HttpRequest) -> HttpResponse:
        run = request_purge(actor=self.actor)
        queue_after_commit(purge_expired, str(run.pk))
        messages.success(request, _("The deletion was requested. Its progress stands below."))
        return redirect("privacy:retention")


class RetentionLimits(CapabilityRequired, ReauthenticationRequired, View):
    """For how long data are kept. What new limits would delete is shown before they hold."""

    capability = Capability.PRIVACY_PURGE

    def get(self, request: HttpRequest) -> HttpResponse:
        now = limits_of(organisation_id=self.actor.scope)
        form = LimitsForm(initial={"case_days": now.case_days, "prediction_days": now.prediction_days})
        return render(request, "privacy/limits.html", {"form": form})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = LimitsForm(request.POST)
        if not form.is_valid():
            return render(request, "privacy/limits.html", {"form": form}, status=422)
        if "confirmed" in request.POST:
            set_limits(actor=self.actor, limits=form.limits)
            messages.success(request, _("The limits hold from now on."))
            return redirect("privacy:retention")
        due = count_due_under(organisation_id=self.actor.scope, limits=form.limits)
        return render(request, "privacy/limits.html", {"form": form, "due": due, "limits": form.limits})
