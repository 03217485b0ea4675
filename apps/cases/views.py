"""My cases, entering one, and the acts on a case that need no engine."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.cases.forms import CaseListFilter, NewCaseForm, PatientForm
from apps.cases.models import Case, Consent
from apps.cases.selectors import get_case, search_cases, unrestricted
from apps.cases.services import (
    NewCase,
    change_case,
    create_case,
    read_cases,
    share_case,
)
from apps.cases.templatetags.patients import sex_words
from apps.core.capabilities import Capability
from apps.core.forms import add_errors
from apps.core.problems import FieldError, InvalidInput
from apps.core.spreadsheets import csv_answer

PAGE_SIZE = 25
_ORDER = {
    "": ("-id",),
    "oldest": ("id",),
    "changed": ("-updated_at", "-id"),
}


def _wanted(view: CapabilityRequired, form: CaseListFilter) -> Any:
    wishes = form.wishes()
    cases = search_cases(actor=view.actor, text=wishes["q"], sex=wishes["sex"], outcome=wishes["outcome"])
    return cases.order_by(*_ORDER[wishes["sort"]])


class CaseList(CapabilityRequired, View):
    """The cases of whoever looks, a page at a time."""

    capability = Capability.CASE_READ

    @transaction.atomic
    def get(self, request: HttpRequest) -> HttpResponse:
        form = CaseListFilter(request.GET)
        page = Paginator(_wanted(self, form), PAGE_SIZE).get_page(request.GET.get("page"))
        cases: list[Case] = list(page.object_list)
        read_cases(actor=self.actor, cases=cases, action="case.list")
        context = {"form": form, "page": page, "cases": cases, "is_filtered": any(form.wishes().values())}
        return render(request, "cases/list.html", context)


class CaseExport(CapabilityRequired, View):
    """The filtered list as CSV."""

    capability = Capability.CASE_READ

    @transaction.atomic
    def get(self, request: HttpRequest) -> HttpResponse:
        wanted = _wanted(self, CaseListFilter(request.GET))
        cases: list[Any] = list(unrestricted(wanted).annotate(n_findings=Count("findings")))
        read_cases(actor=self.actor, cases=cases, action="case.export")
        header = [
            _("Pseudonym"), _("Sex"), _("Age"), _("Findings"), _("Entered"), _("Changed"), _("State"),
            _("Diagnosis"), _("Id of the diagnosis"),
        ]  # fmt: skip
        rows = (
            [
                case.patient.pseudonym, sex_words(case.patient.sex), case.age, case.n_findings,
                timezone.localtime(case.created_at).isoformat(timespec="seconds"),
                timezone.localtime(case.updated_at).isoformat(timespec="seconds"),
                _("closed") if case.has_outcome else _("open"), case.diagnosis or "", case.diagnosis_id or "",
            ]
            for case in cases
        )  # fmt: skip
        return csv_answer(f"hoofbeat-cases-{timezone.localdate():%Y-%m-%d}.csv", header, rows)


class NewCasePage(CapabilityRequired, View):
    """Entering a case; an error keeps everything that was typed."""

    capability = Capability.CASE_WRITE

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "cases/new.html", {"form": NewCaseForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewCaseForm(request.POST)
        if {"add", "remove", "look_up"} & request.POST.keys():
            # Without JavaScript the list of findings grows by sending the form; nothing else is judged yet.
            return render(request, "cases/new.html", {"form": form, "is_draft": True})
        if form.is_valid():
            try:
                case = create_case(actor=self.actor, new=_new_case(form))
            except InvalidInput as problem:
                add_errors(form, problem.errors)
            else:
                return redirect("predictions:consultation", case.pk)
        return render(request, "cases/new.html", {"form": form}, status=422)


def _new_case(form: NewCaseForm) -> NewCase:
    present = form.ids(present=True)
    return NewCase(
        pseudonym=form.cleaned_data["pseudonym"],
        sex=form.cleaned_data["sex"],
        age=form.age,
        present=present,
        absent=tuple(term_id for term_id in form.ids(present=False) if term_id not in present),
        consents={purpose: form.cleaned_data[purpose] for purpose in Consent.Purpose.values},
        consent_channel=form.cleaned_data["channel"],
    )


class EditCase(CapabilityRequired, View):
    """Age and sex of a case."""

    capability = Capability.CASE_WRITE

    @transaction.atomic
    def get(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        form = PatientForm(initial=PatientForm.initial_of(case.age, case.patient.sex))
        return self._show(request, case, form)

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        form = PatientForm(request.POST)
        if form.is_valid():
            # An age that the form cannot show, such as one year and two weeks, stays when the field was left empty.
            is_shown = "age_number" in PatientForm.initial_of(case.age, case.patient.sex)
            age = form.age if form.age or is_shown else None
            change_case(actor=self.actor, case_id=case_id, age=age, sex=form.cleaned_data["sex"])
            messages.success(request, _("Age and sex were saved."))
            return redirect("predictions:consultation", case_id)
        return self._show(request, case, form, 422)

    def _show(self, request: HttpRequest, case: Case, form: PatientForm, status: int = 200) -> HttpResponse:
        read_cases(actor=self.actor, cases=[case], action="case.read")
        context = {"heading": _("Age and sex"), "form": form, "case": case}
        return render(request, "cases/edit.html", context, status=status)


class ShareCase(CapabilityRequired, View):
    """Takes a colleague into the care team."""

    capability = Capability.CASE_WRITE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        try:
            user_id = UUID(request.POST.get("user", ""))
        except ValueError as error:
            detail = _("Choose a colleague from the list.")
            raise InvalidInput([FieldError("user", "unknown_user", detail)]) from error
        share_case(actor=self.actor, case_id=case_id, user_id=user_id)
        messages.success(request, _("Your colleague can see the case now and may change it."))
        return redirect("predictions:consultation", case_id)
