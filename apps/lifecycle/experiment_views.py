"""Experiments: which there were, asking for one, watching it, and what it found."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import people_of
from apps.core.capabilities import Capability
from apps.core.downloads import named
from apps.core.forms import add_errors
from apps.core.jobs import UNFINISHED
from apps.core.paging import cursor_page
from apps.core.problems import Denied, InvalidInput
from apps.core.queue import queue_after_commit
from apps.core.spreadsheets import csv_answer
from apps.lifecycle.figures import COLUMNS, alt_text, confusions_of, plain_rows, sorted_by, table_of
from apps.lifecycle.folders import plots_of, read_plot
from apps.lifecycle.forms import ExperimentForm
from apps.lifecycle.models import Experiment
from apps.lifecycle.selectors import (
    confirmed_since_last_training,
    get_experiment,
    is_experimenting,
    list_experiments,
)
from apps.lifecycle.services import cancel_experiment, request_experiment, resume_experiment
from apps.lifecycle.tasks import carry_out
from apps.registry.selectors import active_model, latest_gates

MOST_SHOWN = 50


class Experiments(CapabilityRequired, View):
    """All of them, newest first."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        page = cursor_page(
            # What was measured is on each one's own page, and long.
            list_experiments(actor=self.actor).defer("comparison"),
            before=request.GET.get("before", ""),
            after=request.GET.get("after", ""),
            size=MOST_SHOWN,
        )
        context = {"experiments": page.rows, "page": page, "is_busy": is_experimenting()}
        return render(request, "lifecycle/experiments.html", context)


class NewExperiment(CapabilityRequired, View):
    """Asks for one; what comes of it is never activated by itself."""

    capability = Capability.MODEL_TRAIN

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(ExperimentForm())

    @transaction.atomic
    def post(self, request: HttpRequest) -> HttpResponse:
        form = ExperimentForm(request.POST)
        if form.is_valid():
            try:
                experiment = request_experiment(actor=self.actor, **form.cleaned_data)
            except InvalidInput as refused:
                add_errors(form, refused.errors)
            else:
                queue_after_commit(carry_out, str(experiment.pk))
                messages.success(request, _("The experiment was requested. Its progress stands below."))
                return redirect("lifecycle:experiment", experiment.pk)
        return self._page(form, 422)

    def _page(self, form: ExperimentForm, status: int = 200) -> HttpResponse:
        context = {
            "form": form,
            "n_confirmed": confirmed_since_last_training(),
            "is_busy": is_experimenting(),
        }
        return render(self.request, "lifecycle/new_experiment.html", context, status=status)


class ExperimentPage(CapabilityRequired, View):
    """How far it is, what it was run on, what it compared, and what the gates said."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest, experiment_id: UUID) -> HttpResponse:
        experiment = get_experiment(actor=self.actor, experiment_id=experiment_id)
        is_ascending = request.GET.get("order") == "ascending"
        sort = sorted_by(request.GET.get("sort", ""))
        by = [experiment.requested_by_id] if experiment.requested_by_id else []
        context = progress_of(experiment) | {
            "people": people_of(actor=self.actor, user_ids=by),
            "columns": COLUMNS,
            "rows": table_of(experiment, sort.key, is_ascending),
            "sort": sort,
            "is_ascending": is_ascending,
            "plots": [(name, alt_text(experiment, name)) for name in plots_of(experiment)],
            "confusions": confusions_of(experiment),
            "way_on": _way_on(experiment),
        }
        return render(request, "lifecycle/experiment.html", context)


class ExperimentProgress(CapabilityRequired, View):
    """The stages alone, asked for again while it is under way."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest, experiment_id: UUID) -> HttpResponse:
        experiment = get_experiment(actor=self.actor, experiment_id=experiment_id)
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("lifecycle:experiment", experiment.pk)
        context = progress_of(experiment)
        response = render(request, "lifecycle/experiment_progress.html", context)
        if not context["is_busy"]:
            # What it found stands outside of this part.
            response["HX-Refresh"] = "true"
        return response


class CancelExperiment(CapabilityRequired, View):
    """Ends one at its next step."""

    capability = Capability.MODEL_TRAIN
    http_method_names = ["post"]

    def post(self, request: HttpRequest, experiment_id: UUID) -> HttpResponse:
        cancel_experiment(actor=self.actor, experiment_id=experiment_id)
        messages.success(request, _("It ends at its next step. What is finished is kept."))
        return redirect("lifecycle:experiment", experiment_id)


class ResumeExperiment(CapabilityRequired, View):
    """Goes on with one that was cancelled or failed."""

    capability = Capability.MODEL_TRAIN
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, experiment_id: UUID) -> HttpResponse:
        experiment = resume_experiment(actor=self.actor, experiment_id=experiment_id)
        queue_after_commit(carry_out, str(experiment.pk))
        messages.success(request, _("It goes on with the step that was not finished."))
        return redirect("lifecycle:experiment", experiment_id)


class Plot(CapabilityRequired, View):
    """One plot of the comparison."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest, experiment_id: UUID, plot: str) -> HttpResponse:
        experiment = get_experiment(actor=self.actor, experiment_id=experiment_id)
        image = read_plot(experiment, plot)
        if image is None:
            raise Denied("model.read", "experiment", (experiment.pk,))
        return HttpResponse(image, content_type="image/png")


class ComparisonDownload(CapabilityRequired, View):
    """The comparison as a file: CSV for spreadsheets, JSON with everything that was run and measured."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest, experiment_id: UUID, form: str) -> HttpResponse:
        experiment = get_experiment(actor=self.actor, experiment_id=experiment_id)
        filename = f"hoofbeat-experiment-{experiment.pk}.{form}"
        if form == "csv":
            return csv_answer(
                filename, ["candidate", *(column.key for column in COLUMNS)], plain_rows(experiment)
            )
        content = {
            "experiment": str(experiment.pk),
            "run": experiment.record,
            "comparison": experiment.comparison,
            "gates": experiment.gates.results if experiment.gates else None,
        }
        return named(JsonResponse(content, json_dumps_params={"indent": 1}), filename)


def progress_of(experiment: Experiment) -> dict[str, Any]:
    """What the part of the page needs that is asked for again."""
    return {"experiment": experiment, "is_busy": experiment.state in UNFINISHED}


def _way_on(experiment: Experiment) -> str:
    """Whether its model can be proposed: "" yes, else why not."""
    model, gates = experiment.model, experiment.gates
    if model is None or gates is None:
        return "unfinished"
    if model == active_model():
        return "answers"
    return "older" if latest_gates(model=model) != gates else ""
