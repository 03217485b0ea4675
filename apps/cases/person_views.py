"""Who a patient is: name, medical record number, contact, and the case's note."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.cases.forms import PersonForm
from apps.cases.models import PERSON_LENGTHS, Case
from apps.cases.selectors import get_case, person_of, same_identifier
from apps.cases.services import change_person, read_cases
from apps.core.capabilities import Capability
from apps.core.forms import add_errors
from apps.core.problems import InvalidInput


class PersonPage(CapabilityRequired, View):
    """Shows and changes who the patient is, and says whether another one has his medical record number."""

    capability = Capability.CASE_WRITE
    fields_with_any_text = tuple(PERSON_LENGTHS)

    @transaction.atomic
    def get(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        return self._show(request, case, PersonForm(initial=person_of(case)))

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        form = PersonForm(request.POST)
        if form.is_valid():
            try:
                case = change_person(actor=self.actor, case_id=case_id, values=form.changes())
            except InvalidInput as problem:
                add_errors(form, problem.errors)
            else:
                messages.success(request, _("Name, record number, contact and note were saved."))
                n_others, _cases = same_identifier(actor=self.actor, case=case)
                # Whose number is somebody else's, too, is told so on the page that names them, and records that it did.
                return redirect("cases:person" if n_others else "predictions:consultation", case_id)
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        return self._show(request, case, form, 422)

    def _show(self, request: HttpRequest, case: Case, form: PersonForm, status: int = 200) -> HttpResponse:
        n_others, others = same_identifier(actor=self.actor, case=case)
        read_cases(actor=self.actor, cases=[case, *others], action="person.read")
        context = {
            "heading": _("Who the patient is"),
            "form": form,
            "case": case,
            "n_others": n_others,
            "others": others,
        }
        return render(request, "cases/person.html", context, status=status)
