"""The consultation (a case's findings and its differential diagnosis), explanations, outcomes and the history."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import list_colleagues, people_of
from apps.cases.forms import colleague_choices, look_up_finding
from apps.cases.models import Case
from apps.cases.selectors import consents_of, get_case, list_care_team
from apps.cases.services import read_cases, record_outcome, remove_finding, set_finding
from apps.core.capabilities import Capability
from apps.core.paging import cursor_page
from apps.core.problems import FieldError
from apps.core.spreadsheets import csv_answer
from apps.knowledge.selectors import labels_of, resolve_terms
from apps.predictions.differential import (
    SHOWN,
    TOP,
    differential_of,
    diseases_of,
    past_of,
    reasons_of,
)
from apps.predictions.forms import HistoryFilter, OutcomeForm
from apps.predictions.models import Prediction
from apps.predictions.selectors import get_prediction, list_predictions
from apps.predictions.services import explain, is_outdated, predict_case, read_predictions, record_feedback

MOST_PAST = 20
MOST_EXPORTED = 10_000


def _differential(view: CapabilityRequired, case: Case, past: list[Prediction]) -> dict[str, Any]:
    """What the right column shows: the newest prediction of `past`, and the lines of all."""
    diseases = diseases_of(
        [(row, TOP) for row in past[1:]] + [(row, len(row.output["ranking"])) for row in past[:1]]
    )
    return {
        "case": case,
        "differential": differential_of(past[0], diseases) if past else None,
        "past": past_of(
            past, diseases, people_of(actor=view.actor, user_ids=[row.requested_by_id for row in past])
        ),
        "is_outdated": bool(past) and is_outdated(prediction=past[0], case=case),
        "has_present": any(finding.is_present for finding in case.findings.all()),
    }


def _past(view: CapabilityRequired, case: Case, n: int = MOST_PAST) -> list[Prediction]:
    return list(list_predictions(actor=view.actor).filter(case_id=case.pk)[:n])


class Consultation(CapabilityRequired, View):
    """One case: findings on the left, the differential diagnosis on the right."""

    capability = Capability.CASE_READ

    @transaction.atomic
    def get(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id)
        read_cases(actor=self.actor, cases=[case], action="case.read")
        team = list(list_care_team(case=case))
        colleagues = list_colleagues(actor=self.actor, capability=Capability.CASE_READ).exclude(
            pk__in=[member.pk for member in team]
        )
        context = _differential(self, case, _past(self, case)) | {
            "consents": consents_of(patient_id=case.patient_id),
            "team": team,
            "colleagues": colleague_choices(colleagues),
        }
        return render(request, "consultation/page.html", context)


class _FindingAct(CapabilityRequired, View):
    """Base of the acts on one finding: the answer is the list of findings, or the whole page without JavaScript."""

    capability = Capability.CASE_WRITE
    http_method_names = ["post"]

    def answer(self, request: HttpRequest, case: Case, **more: Any) -> HttpResponse:
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("predictions:consultation", case.pk)
        past = _past(self, case, 1)
        context = {
            "case": case,
            "differential": past[0] if past else None,
            "is_outdated": bool(past) and is_outdated(prediction=past[0], case=case),
            "has_present": any(finding.is_present for finding in case.findings.all()),
            "saved_at": timezone.now(),
        }
        return render(request, "consultation/findings_saved.html", context | more)


class SetFinding(_FindingAct):
    """Adds a finding, chosen or typed, or changes whether it is present."""

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        found = self._finding(
            request.POST.get("finding", ""), request.POST.get("finding_text", "").strip()[:200]
        )
        if isinstance(found, FieldError):
            # Only the name typed is judged, which tells nothing about the case.
            context = {"error": found, "case_id": case_id}
            answer = render(request, "consultation/finding_problem.html", context, status=422)
            answer["HX-Retarget"] = "#finding-problem"
            return answer
        is_present = request.POST.get("state") != "absent"
        case = set_finding(actor=self.actor, case_id=case_id, term_id=found, is_present=is_present)
        return self.answer(request, case)

    def _finding(self, term_id: str, text: str) -> str | FieldError:
        if term_id:
            known = resolve_terms(term_ids=[term_id])
            return (
                known[term_id].pk
                if term_id in known
                else FieldError("findings", "unknown_finding", "", term_id)
            )
        found = look_up_finding(text)
        return found if isinstance(found, FieldError) else found.id


class RemoveFinding(_FindingAct):
    """Takes a finding off, and offers to put it back."""

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        term_id = request.POST.get("finding", "")
        case = remove_finding(actor=self.actor, case_id=case_id, term_id=term_id)
        removed = {
            "id": term_id,
            "label": labels_of(term_ids=[term_id]).get(term_id, term_id),
            "state": "absent" if request.POST.get("state") == "absent" else "present",
        }
        return self.answer(request, case, removed=removed)


class Predict(CapabilityRequired, View):
    """Asks the engine, and shows its answer."""

    capability = Capability.PREDICTION_CREATE
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        predict_case(actor=self.actor, case_id=case_id)
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("predictions:consultation", case_id)
        case = get_case(actor=self.actor, case_id=case_id)
        context = _differential(self, case, _past(self, case)) | {
            "consents": consents_of(patient_id=case.patient_id),
            "is_new": True,
        }
        return render(request, "consultation/predicted.html", context)


class PastPrediction(CapabilityRequired, View):
    """A prediction as it was made; nothing on it can be changed."""

    capability = Capability.PREDICTION_READ

    @transaction.atomic
    def get(self, request: HttpRequest, prediction_id: UUID) -> HttpResponse:
        prediction = get_prediction(actor=self.actor, prediction_id=prediction_id)
        read_predictions(actor=self.actor, predictions=[prediction], action="prediction.read")
        given = prediction.input["present"] + prediction.input["absent"]
        labels = labels_of(term_ids=given)
        context = {
            "prediction": prediction,
            "differential": differential_of(
                prediction, diseases_of([(prediction, len(prediction.output["ranking"]))])
            ),
            "present": [(term_id, labels.get(term_id, term_id)) for term_id in prediction.input["present"]],
            "absent": [(term_id, labels.get(term_id, term_id)) for term_id in prediction.input["absent"]],
            "requested_by": people_of(actor=self.actor, user_ids=[prediction.requested_by_id]).get(
                prediction.requested_by_id
            ),
        }
        return render(request, "history/prediction.html", context)


class DiseaseReasons(CapabilityRequired, View):
    """What speaks for and against one disease of a list: a part of the page, or a page without JavaScript."""

    capability = Capability.PREDICTION_READ

    def get(self, request: HttpRequest, prediction_id: UUID, disease_id: str) -> HttpResponse:
        _prediction, explanation = explain(
            actor=self.actor, prediction_id=prediction_id, disease_id=disease_id
        )
        context = {"reasons": reasons_of(explanation), "prediction_id": prediction_id}
        template = "consultation/reasons.html" if request.htmx else "consultation/reasons_page.html"  # type: ignore[attr-defined]
        return render(request, template, context)


class RecordOutcome(CapabilityRequired, View):
    """The confirmed diagnosis of a case, or that it was none of those listed."""

    capability = Capability.FEEDBACK_WRITE

    @transaction.atomic
    def get(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        return self._page(request, case_id)

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        past = _past(self, case, 1)
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
        listed = differential_of(past[0], diseases).first if past else []
        return OutcomeForm(data, listed=listed, has_list=bool(past))

    def _page(self, request: HttpRequest, case_id: UUID, form: OutcomeForm | None = None) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        read_cases(actor=self.actor, cases=[case], action="case.read")
        context = {"case": case, "form": form or self._form(_past(self, case, 1))}
        return render(request, "consultation/outcome.html", context, status=422 if form else 200)


def _filtered(view: CapabilityRequired, form: HistoryFilter) -> Any:
    """The predictions that the filter wants; days are those of the pages' time zone."""
    form.is_valid()
    wishes = form.cleaned_data
    predictions = list_predictions(actor=view.actor)
    if text := wishes.get("q"):
        predictions = predictions.filter(case__patient__pseudonym__icontains=text)
    if since := wishes.get("since"):
        predictions = predictions.filter(
            created_at__gte=timezone.make_aware(datetime.combine(since, time.min))
        )
    if until := wishes.get("until"):
        predictions = predictions.filter(
            created_at__lte=timezone.make_aware(datetime.combine(until, time.max))
        )
    if wishes.get("mine"):
        predictions = predictions.filter(requested_by_id=view.actor.user_id)
    return predictions


class History(CapabilityRequired, View):
    """Predictions, newest first."""

    capability = Capability.PREDICTION_READ

    @transaction.atomic
    def get(self, request: HttpRequest) -> HttpResponse:
        form = HistoryFilter(request.GET)
        wanted = _filtered(self, form)
        page = cursor_page(wanted, before=request.GET.get("before", ""), after=request.GET.get("after", ""))
        read_predictions(actor=self.actor, predictions=page.rows, action="prediction.list")
        people = people_of(actor=self.actor, user_ids=[row.requested_by_id for row in page.rows])
        rows = past_of(page.rows, diseases_of([(row, TOP) for row in page.rows]), people)
        is_filtered = any(form.cleaned_data.get(name) for name in form.fields)
        context = {"form": form, "page": page, "rows": rows, "is_filtered": is_filtered}
        return render(request, "history/list.html", context)


class HistoryExport(CapabilityRequired, View):
    """The filtered history as CSV, one line a prediction with its first diseases."""

    capability = Capability.PREDICTION_READ

    @transaction.atomic
    def get(self, request: HttpRequest) -> HttpResponse:
        rows = list(_filtered(self, HistoryFilter(request.GET))[:MOST_EXPORTED])
        read_predictions(actor=self.actor, predictions=rows, action="prediction.export")
        people = people_of(actor=self.actor, user_ids=[row.requested_by_id for row in rows])
        header = [_("Prediction"), _("When"), _("Pseudonym"), _("Asked by"), _("Model"), _("Milliseconds")]
        header += [
            title % {"n": n}
            for n in range(1, TOP + 1)
            for title in (_("Disease %(n)d"), _("Probability %(n)d"))
        ]
        lines = (_line(past) for past in past_of(rows, diseases_of([(row, TOP) for row in rows]), people))
        return csv_answer(f"hoofbeat-history-{timezone.localdate():%Y-%m-%d}.csv", header, lines)


def _line(past: Any) -> list[object]:
    row = past.prediction
    line: list[object] = [
        str(row.pk),
        timezone.localtime(row.created_at).isoformat(timespec="seconds"),
        row.case.patient.pseudonym if row.case else "",
        past.requested_by.get_username() if past.requested_by else "",
        row.model.number,
        round(row.latency_ms, 1),
    ]
    for candidate in past.top:
        line += [f"{candidate.id} {candidate.name}", round(candidate.probability, 2)]
    return line
