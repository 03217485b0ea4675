"""Legal holds and restrictions of processing: which stand, one patient's, placing and lifting."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.core.capabilities import Capability
from apps.privacy.forms import HoldForm, LiftForm, PatientSearch
from apps.privacy.holds import lift_hold, place_hold, read_hold, read_holds_of, read_standing_holds
from apps.privacy.patient_search_views import PatientSearched
from apps.privacy.selectors import find_patients

MOST_SHOWN = 100


class Holds(PatientSearched):
    """What stands in the organisation, and the search for a patient."""

    capability = Capability.PRIVACY_HOLD
    leads_to = "privacy:patient-holds"

    def find(self, text: str) -> list[UUID]:
        found = find_patients(actor=self.actor, text=text, capability=Capability.PRIVACY_HOLD)
        return [patient.pk for patient in found]

    def page(self, request: HttpRequest, form: PatientSearch, status: int = 200) -> HttpResponse:
        holds = read_standing_holds(actor=self.actor, most=MOST_SHOWN)
        return render(request, "privacy/holds.html", {"form": form, "holds": holds}, status=status)


class PatientHolds(CapabilityRequired, ReauthenticationRequired, View):
    """One patient's, with their history; a form places another."""

    capability = Capability.PRIVACY_HOLD

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        return self._page(request, patient_id, HoldForm())

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = HoldForm(request.POST)
        if not form.is_valid():
            return self._page(request, patient_id, form, 422)
        place_hold(
            actor=self.actor,
            patient_id=patient_id,
            kind=form.wanted_kind,
            reason=form.cleaned_data["reason"],
        )
        messages.success(request, _("It holds from now on. It can be lifted below."))
        return redirect("privacy:patient-holds", patient_id)

    def _page(
        self, request: HttpRequest, patient_id: UUID, form: HoldForm, status: int = 200
    ) -> HttpResponse:
        holds = read_holds_of(actor=self.actor, patient_id=patient_id)
        context = {"form": form, "patient_id": patient_id, "holds": holds}
        return render(request, "privacy/patient_holds.html", context, status=status)


class LiftHold(CapabilityRequired, ReauthenticationRequired, View):
    """Lifts one, for a reason."""

    capability = Capability.PRIVACY_HOLD

    def get(self, request: HttpRequest, hold_id: UUID) -> HttpResponse:
        return self._page(request, hold_id, LiftForm())

    def post(self, request: HttpRequest, hold_id: UUID) -> HttpResponse:
        form = LiftForm(request.POST)
        if not form.is_valid():
            return self._page(request, hold_id, form, 422)
        hold = lift_hold(actor=self.actor, hold_id=hold_id, reason=form.cleaned_data["lift_reason"])
        messages.success(request, _("It was lifted."))
        return redirect("privacy:patient-holds", hold.patient_id)

    def _page(self, request: HttpRequest, hold_id: UUID, form: LiftForm, status: int = 200) -> HttpResponse:
        hold = read_hold(actor=self.actor, hold_id=hold_id)
        return render(request, "privacy/lift_hold.html", {"form": form, "hold": hold}, status=status)
