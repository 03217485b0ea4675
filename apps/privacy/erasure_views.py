"""Erasing a patient: whom, what it would delete, the confirmation, and the receipt."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.core.queue import queue_after_commit
from apps.privacy.erasure import erase_patient, preview_erasure, read_erasures, read_receipt
from apps.privacy.forms import ErasureForm, PatientSearch
from apps.privacy.patient_search_views import PatientSearched
from apps.privacy.selectors import find_patients, is_held
from apps.privacy.tasks import erase

MOST_SHOWN = 50


class Erasures(PatientSearched):
    """The erasures so far, and the search for whom to erase."""

    capability = {"GET": Capability.PRIVACY_READ, "POST": Capability.PRIVACY_ERASE}
    leads_to = "privacy:erase"

    def find(self, text: str) -> list[UUID]:
        found = find_patients(actor=self.actor, text=text, capability=Capability.PRIVACY_ERASE)
        return [patient.pk for patient in found]

    def page(self, request: HttpRequest, form: PatientSearch, status: int = 200) -> HttpResponse:
        erasures = read_erasures(actor=self.actor, most=MOST_SHOWN)
        return render(request, "privacy/erasures.html", {"form": form, "erasures": erasures}, status=status)


class Erase(CapabilityRequired, ReauthenticationRequired, View):
    """What would be deleted, in numbers; then the reason, and the erasure."""

    capability = Capability.PRIVACY_ERASE

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        return self._page(request, patient_id, ErasureForm())

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = ErasureForm(request.POST)
        if not form.is_valid():
            return self._page(request, patient_id, form, status=422)
        with transaction.atomic():
            erasure = erase_patient(actor=self.actor, patient_id=patient_id, reason=form.wanted_reason)
            queue_after_commit(erase, str(erasure.pk))
        return redirect("privacy:receipt", erasure.pk)

    def _page(
        self, request: HttpRequest, patient_id: UUID, form: ErasureForm, status: int = 200
    ) -> HttpResponse:
        rows = preview_erasure(actor=self.actor, patient_id=patient_id)
        context = {"form": form, "patient_id": patient_id, "rows": rows, "n_rows": sum(rows.values())}
        context["is_held"] = is_held(patient_id=patient_id)
        return render(request, "privacy/erase.html", context, status=status)


class Receipt(CapabilityRequired, View):
    """How far an erasure is, and what it deleted."""

    capability = Capability.PRIVACY_READ

    def get(self, request: HttpRequest, erasure_id: UUID) -> HttpResponse:
        erasure = read_receipt(actor=self.actor, erasure_id=erasure_id)
        context = {"erasure": erasure, "is_busy": erasure.state in UNFINISHED}
        return render(request, "privacy/receipt.html", context)
