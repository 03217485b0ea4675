"""Models, and the card of each."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import people_of
from apps.core.capabilities import Capability
from apps.lifecycle.cards import record_text
from apps.lifecycle.release_views import named_in
from apps.lifecycle.selectors import (
    confirmed_since_last_training,
    experiment_of,
    list_experiments,
    models_due_for_retraining,
)
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
FEW_SHOWN = 5


class Models(CapabilityRequired, View):
    """Which model answers, which there are, and the newest experiments."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {
            "models": list(list_models(actor=self.actor)[:MOST_SHOWN]),
            "release": current_release(),
            "experiments": list(list_experiments(actor=self.actor)[:FEW_SHOWN]),
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
            "experiment": experiment_of(model=model),
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
            text = card_text(model) + record_text(experiment_of(model=model), latest_gates(model=model))
            answer = HttpResponse(text, content_type="text/markdown; charset=utf-8")
        else:
            answer = JsonResponse(model.manifest, json_dumps_params={"indent": 1})
        answer["Content-Disposition"] = f'attachment; filename="hoofbeat-model-{model.number}.{form}"'
        return answer
