"""The history of predictions, and one of them as it was made."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import people_of
from apps.audit.integrity_views import proof_answer
from apps.audit.proofs import prove_prediction
from apps.cases.selectors import named
from apps.core.capabilities import Capability
from apps.core.paging import cursor_page
from apps.core.spreadsheets import csv_answer
from apps.knowledge.selectors import labels_of
from apps.predictions.differential import TOP, differential_of, diseases_of, past_of
from apps.predictions.forms import HistoryFilter
from apps.predictions.selectors import get_prediction, list_predictions, unrestricted
from apps.predictions.services import read_predictions

MOST_EXPORTED = 10_000


class PastPrediction(CapabilityRequired, View):
    """A prediction as it was made; nothing on it can be changed."""

    capability = Capability.PREDICTION_READ

    @transaction.atomic
    def get(self, request: HttpRequest, prediction_id: UUID) -> HttpResponse:
        prediction = get_prediction(actor=self.actor, prediction_id=prediction_id)
        read_predictions(actor=self.actor, predictions=[prediction], action="prediction.read")
        stated = [
            (state, term_id)
            for state in ("present", "absent", "uncertain")
            for term_id in prediction.input.get(state, ())
        ]
        labels = labels_of(term_ids=[term_id for _state, term_id in stated])
        context = {
            "prediction": prediction,
            "differential": differential_of(
                prediction, diseases_of([(prediction, len(prediction.output["ranking"]))])
            ),
            "findings": [(state, term_id, labels.get(term_id, term_id)) for state, term_id in stated],
            "requested_by": people_of(actor=self.actor, user_ids=[prediction.requested_by_id]).get(
                prediction.requested_by_id
            ),
        }
        return render(request, "history/prediction.html", context)


class PredictionProof(CapabilityRequired, View):
    """The proof that the event of this prediction was sealed, as a file."""

    capability = Capability.PREDICTION_READ

    @transaction.atomic
    def get(self, request: HttpRequest, prediction_id: UUID) -> HttpResponse:
        prediction = get_prediction(actor=self.actor, prediction_id=prediction_id)
        read_predictions(actor=self.actor, predictions=[prediction], action="prediction.proof")
        return proof_answer(
            prove_prediction(prediction_id=prediction.pk, organisation_id=self.actor.organisation_id)
        )


def _filtered(view: CapabilityRequired, form: HistoryFilter) -> Any:
    """The predictions that the filter wants; days are those of the pages' time zone."""
    form.is_valid()
    wishes = form.cleaned_data
    predictions = list_predictions(actor=view.actor)
    if text := wishes.get("q"):
        predictions = predictions.filter(named(actor=view.actor, text=text, path="case__patient__"))
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
        rows = list(unrestricted(_filtered(self, HistoryFilter(request.GET)))[:MOST_EXPORTED])
        read_predictions(actor=self.actor, predictions=rows, action="prediction.export")
        people = people_of(actor=self.actor, user_ids=[row.requested_by_id for row in rows])
        header = [
            _("Prediction"),
            _("When"),
            _("Pseudonym"),
            _("Asked by"),
            _("Model"),
            _("Prior"),
            _("Milliseconds"),
        ]
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
        past.prior,
        round(row.latency_ms, 1),
    ]
    for candidate in past.top:
        line += [f"{candidate.id} {candidate.name}", round(candidate.probability, 2)]
    return line
