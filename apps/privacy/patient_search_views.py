"""The search for one patient by which the privacy officer's pages begin."""

from abc import abstractmethod
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.privacy.forms import PatientSearch
from apps.privacy.services import record_search


class PatientSearched(CapabilityRequired, View):
    """A page with the search. Who is found leads to the address `leads_to`; else the page says so."""

    leads_to: str

    @abstractmethod
    def find(self, text: str) -> list[UUID]:
        """Ids of the patients who are called so."""

    @abstractmethod
    def page(self, request: HttpRequest, form: PatientSearch, status: int = 200) -> HttpResponse:
        """The page with `form`."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(request, PatientSearch())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PatientSearch(request.POST)
        if form.is_valid():
            found = self.find(form.cleaned_data["text"])
            if len(found) == 1:
                record_search(actor=self.actor, patient_id=found[0])
                return redirect(self.leads_to, found[0])
            form.add_error(
                "text",
                _("Several patients have this number; give the pseudonym.")
                if found
                else _("No patient of your organisation is called so."),
            )
        return self.page(request, form, 422)
