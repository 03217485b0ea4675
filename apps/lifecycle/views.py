"""Models, the trainings that make them, and asking for one."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import people_of
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.core.queue import queue_after_commit
from apps.lifecycle.release_views import named_in
from apps.lifecycle.selectors import confirmed_since_last_training, list_runs, models_due_for_retraining
from apps.lifecycle.services import request_training
from apps.lifecycle.tasks import retrain
from apps.registry.cards import LIMITS, NOT_MEANT_FOR, benchmarks_of, card_text
from apps.registry.selectors import (
    active_model,
    current_release,
    get_model,
    latest_gates,
    list_models,
    list_proposals,
    list_releases,
    released_at,
)

MOST_SHOWN = 20


class Models(CapabilityRequired, View):
    """Which model answers, which there are, and the trainings."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        runs = list(list_runs(actor=self.actor)[:MOST_SHOWN])
        context = {
            "models": list(list_models(actor=self.actor)[:MOST_SHOWN]),
            "release": current_release(),
            "runs": runs,
            "is_busy": any(run.state in UNFINISHED for run in runs),
            "n_confirmed": confirmed_since_last_training(),
            "due": models_due_for_retraining(),
        }
        return render(request, "lifecycle/models.html", context)


class Card(CapabilityRequired, View):
    """What a model is made of, what was measured of it, and where its limits are."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        model = get_model(actor=self.actor, number=number)
        description = model.manifest["model"]
        proposals = list(list_proposals(actor=self.actor).filter(model=model)[:MOST_SHOWN])
        releases = list(list_releases(actor=self.actor).filter(model=model)[:MOST_SHOWN])
        context = {
            "model": model,
            "description": description,
            "is_active": model == active_model(),
            "released": released_at(model=model),
            "priors": description.get("priors") or [description.get("prior", "literature")],
            "default": description.get("default_prior") or description.get("prior", "literature"),
            "benchmarks": benchmarks_of(model),
            "limits": LIMITS,
            "not_meant_for": NOT_MEANT_FOR,
            "gates": latest_gates(model=model),
            "proposals": proposals,
            "releases": releases,
            "people": people_of(actor=self.actor, user_ids=named_in(releases, [], proposals)),
        }
        return render(request, "lifecycle/card.html", context)


class CardDownload(CapabilityRequired, View):
    """The same as a file: Markdown for people, JSON for programs."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest, number: int, form: str) -> HttpResponse:
        model = get_model(actor=self.actor, number=number)
        if form == "md":
            answer = HttpResponse(card_text(model), content_type="text/markdown; charset=utf-8")
        else:
            answer = JsonResponse(model.manifest, json_dumps_params={"indent": 1})
        answer["Content-Disposition"] = f'attachment; filename="hoofbeat-model-{model.number}.{form}"'
        return answer


class Runs(CapabilityRequired, View):
    """The table of trainings alone, asked for again while one is under way."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("lifecycle:models")
        runs = list(list_runs(actor=self.actor)[:MOST_SHOWN])
        is_busy = any(run.state in UNFINISHED for run in runs)
        response = render(request, "lifecycle/runs.html", {"runs": runs, "is_busy": is_busy})
        if not is_busy:
            # The new candidate, and the button to train again, stand outside of this table.
            response["HX-Refresh"] = "true"
        return response


class Train(CapabilityRequired, View):
    """Asks for a candidate; it is never activated by itself."""

    capability = Capability.MODEL_TRAIN
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest) -> HttpResponse:
        run = request_training(actor=self.actor, reason=request.POST.get("reason", "").strip()[:300])
        queue_after_commit(retrain, str(run.pk))
        messages.success(request, _("The training was requested. Its progress stands below."))
        return redirect("lifecycle:models")
