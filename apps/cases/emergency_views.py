"""Emergency access: opening one patient's cases, and the privacy officer's review."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.audit.middleware import record_denial
from apps.cases.emergency import (
    count_acts,
    list_emergencies,
    newest_case,
    open_emergency,
    read_emergencies,
    review_emergency,
)
from apps.cases.forms import EmergencyForm
from apps.core.capabilities import Capability
from apps.core.paging import cursor_page
from apps.core.problems import Conflict, Denied, FieldError, InvalidInput

PAGE_SIZE = 25


class OpenEmergency(CapabilityRequired, ReauthenticationRequired, View):
    """Asks whose cases and why, and shows them. Whoever guesses patients is told nothing and leaves a trace."""

    capability = Capability.EMERGENCY_OPEN

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._ask(request, EmergencyForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = EmergencyForm(request.POST)
        if not form.is_valid():
            return self._ask(request, form, 422)
        given = form.cleaned_data
        try:
            access = open_emergency(actor=self.actor, patient=given["patient"], reason=given["reason"])
        except InvalidInput as problem:
            for error in problem.errors:
                form.add_error(error.field, error.detail)
        except Conflict as problem:
            form.add_error(None, str(problem))
            return self._ask(request, form, 409)
        except Denied as denied:
            record_denial(request, denied)
            form.add_error("patient", _("No patient of your organisation reads exactly so."))
        else:
            messages.warning(
                request, _("The cases of this patient are open to you now. The privacy officer is told.")
            )
            case = newest_case(actor=self.actor, access=access)
            return redirect("predictions:consultation", case.pk) if case else redirect("cases:list")
        return self._ask(request, form, 422)

    def _ask(self, request: HttpRequest, form: EmergencyForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "minutes": settings.EMERGENCY_MINUTES}
        return render(request, "cases/emergency.html", context, status=status)


class Emergencies(CapabilityRequired, View):
    """Every emergency access in the organisation, newest first, for whoever reviews them."""

    capability = Capability.EMERGENCY_REVIEW

    @transaction.atomic
    def get(self, request: HttpRequest) -> HttpResponse:
        page = cursor_page(
            list_emergencies(actor=self.actor),
            before=request.GET.get("before", ""),
            after=request.GET.get("after", ""),
            size=PAGE_SIZE,
        )
        read_emergencies(actor=self.actor, accesses=page.rows)
        acts = count_acts(accesses=page.rows)
        rows: list[dict[str, Any]] = [{"access": row, "n_acts": acts.get(row.pk, 0)} for row in page.rows]
        return render(request, "cases/emergencies.html", {"page": page, "rows": rows})


class Review(CapabilityRequired, View):
    """What the privacy officer thinks of one."""

    capability = Capability.EMERGENCY_REVIEW
    http_method_names = ["post"]

    def post(self, request: HttpRequest, access_id: UUID) -> HttpResponse:
        verdict = request.POST.get("verdict", "")
        if verdict not in {"justified", "unjustified"}:
            detail = _("Say whether it was justified.")
            raise InvalidInput([FieldError("verdict", "unknown_verdict", detail, verdict)])
        review_emergency(actor=self.actor, access_id=access_id, is_justified=verdict == "justified")
        messages.success(request, _("Your review was recorded."))
        return redirect("cases:emergencies")
