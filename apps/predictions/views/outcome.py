"""What turned out."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.cases.selectors import get_case
from apps.cases.services import read_cases, record_outcome
from apps.core.capabilities import Capability
from apps.predictions.differential import SHOWN, differential_of, diseases_of
from apps.predictions.forms import OutcomeForm
from apps.predictions.models import Prediction
from apps.predictions.services import record_feedback
from apps.predictions.views.consultation import past_predictions


class RecordOutcome(CapabilityRequired, View):
    """The confirmed diagnosis of a case, or that it was none of those listed."""

    capability = Capability.FEEDBACK_WRITE

    @transaction.atomic
    def get(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        return self._page(request, case_id)

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        past = past_predictions(self, case, 1)
        form = self._form(past, request.POST)
        if not form.is_valid():
            return self._page(request, case_id, form)
        if past:
            record_feedback(actor=self.actor, prediction_id=past[0].pk, disease_id=form.disease_id)
        else:
            record_outcome(actor=self.actor, case_id=case_id, disease_id=form.disease_id)
        messages.success(request, _("The outcome was recorded."))
        return redirect("predictions:consultation", case_id)

    def _form(self, past: list[Prediction], data: Any = None) -> OutcomeForm:
        diseases = diseases_of([(row, SHOWN) for row in past])
        listed = differential_of(past[0], diseases).candidates[:SHOWN] if past else []
        return OutcomeForm(data, listed=listed, has_list=bool(past))

    def _page(self, request: HttpRequest, case_id: UUID, form: OutcomeForm | None = None) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        read_cases(actor=self.actor, cases=[case], action="case.read")
        context = {"case": case, "form": form or self._form(past_predictions(self, case, 1))}
        return render(request, "consultation/outcome.html", context, status=422 if form else 200)
