"""What a patient agreed to: the texts, the history, recording and withdrawing."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.cases.consents import list_acts, purposes_of, read_acts, record_consent, texts_in_force
from apps.cases.forms import ConsentForm
from apps.cases.models import Consent
from apps.cases.selectors import get_case
from apps.core.capabilities import Capability
from apps.core.problems import InvalidInput


class ConsentPage(CapabilityRequired, View):
    """Each purpose with its text and a form of its own; whoever withdraws may record anew at once."""

    capability = Capability.CASE_WRITE

    @transaction.atomic
    def get(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        return self._show(request, case_id)

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        form = ConsentForm(request.POST, auto_id=_ids_of(request.POST.get("purpose", "")))
        if form.is_valid():
            given = form.cleaned_data
            try:
                act = record_consent(
                    actor=self.actor,
                    case_id=case_id,
                    purpose=given["purpose"],
                    is_given=given["given"],
                    channel=given["channel"],
                    text_id=given["text"],
                )
            except InvalidInput as problem:
                form.add_error(None, str(problem.errors[0].detail))
            else:
                messages.success(
                    request,
                    _("The consent was recorded.")
                    if act.is_given
                    else _("The withdrawal was recorded. Record the consent again if this was a mistake."),
                )
                return redirect("cases:consent", case_id)
        return self._show(request, case_id, form, 422)

    def _show(
        self, request: HttpRequest, case_id: UUID, wrong: ConsentForm | None = None, status: int = 200
    ) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case", even_restricted=True)
        read_acts(actor=self.actor, case=case)
        acts = list(list_acts(case=case))
        texts = texts_in_force()
        rows: list[dict[str, Any]] = []
        for state in purposes_of(acts):
            text = texts.get(state.purpose)
            is_wrong = wrong is not None and wrong.data.get("purpose") == state.purpose
            rows.append(
                {
                    "state": state,
                    "text": text,
                    "is_newer": bool(
                        state.is_given and text and state.act and state.act.text
                        and text.version > state.act.text.version
                    ),
                    "form": wrong if is_wrong else ConsentForm(
                        initial={"purpose": state.purpose, "text": text.pk if text else None},
                        auto_id=_ids_of(state.purpose),
                    ),
                }
            )  # fmt: skip
        context = {"case": case, "rows": rows, "acts": acts, "form": wrong}
        return render(request, "cases/consent.html", context, status=status)


def _ids_of(purpose: str) -> str:
    """Pattern of the ids of one purpose's fields: a page has the form three times."""
    return f"{purpose}-%s" if purpose in Consent.Purpose.values else "id_%s"
