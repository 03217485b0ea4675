"""The pages on the model in the shadow: how it compares with what was shown, beginning it and ending it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import people_of
from apps.core.capabilities import Capability
from apps.lifecycle.monitoring_selectors import current_policy
from apps.lifecycle.release_views import ReasonedAct
from apps.predictions.shadow_selectors import MOST_COMPARED, compare_shadow
from apps.registry.selectors import get_model, last_shadow
from apps.registry.shadow import begin_shadow, end_shadow


class ShadowPage(CapabilityRequired, View):
    """The model that scores beside, or did last, against what was shown."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        shadow = last_shadow(actor=self.actor)
        context = {
            "shadow": shadow,
            "comparison": compare_shadow(actor=self.actor, model=shadow.model) if shadow else None,
            "least": current_policy().least_outcomes,
            "most": MOST_COMPARED,
            "people": people_of(actor=self.actor, user_ids=[shadow.set_by_id] if shadow else []),
        }
        return render(request, "lifecycle/shadow.html", context)


class BeginShadow(ReasonedAct):
    """Lets a model score beside what answers."""

    capability = Capability.MODEL_PROPOSE
    title = gettext_lazy("Let a model score in the shadow")
    does = gettext_lazy(
        "It scores each new prediction after the answer has gone out, and a page compares it with what was shown. No "
        "clinician sees what it says. A model that does so already ends."
    )
    button = gettext_lazy("Begin")
    done = gettext_lazy("It scores beside within a few seconds.")
    leads_to = "lifecycle:shadow"

    def context(self, **named: Any) -> dict[str, Any]:
        return {"model": get_model(actor=self.actor, number=named["number"])}

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        begin_shadow(actor=self.actor, number=named["number"], **cleaned)


class EndShadow(ReasonedAct):
    """Ends it; what was scored stays."""

    capability = Capability.MODEL_PROPOSE
    title = gettext_lazy("End the shadow")
    does = gettext_lazy("No model scores beside any more. What was scored stays.")
    button = gettext_lazy("End it")
    done = gettext_lazy("The shadow ends within a few seconds.")
    leads_to = "lifecycle:shadow"

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        end_shadow(actor=self.actor, **cleaned)
