"""Releasing models: what answers and answered, proposals, decisions, and taking things back."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.accounts.selectors import people_of
from apps.core.capabilities import Capability
from apps.core.forms import add_errors
from apps.core.problems import InvalidInput
from apps.lifecycle.forms import APPROVE, DecisionForm, MomentForm, ProposalForm, ReasonForm, RollBackForm
from apps.registry.models import Activation, Proposal, Stop
from apps.registry.releases import decide_proposal, end_canary, propose_model, roll_back, set_stop
from apps.registry.selectors import (
    current_release,
    get_model,
    get_proposal,
    latest_gates,
    list_proposals,
    list_releases,
    list_stops,
    previous_model,
    releases_at,
)

MOST_SHOWN = 50


class Releases(CapabilityRequired, View):
    """What answers now, what waits for a decision, and what answered when, on whose word."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        form = MomentForm(request.GET)
        moment = form.cleaned_data["at"] if form.is_valid() else None
        found = releases_at(actor=self.actor, moment=moment) if moment else list_releases(actor=self.actor)
        releases = list(found[:MOST_SHOWN])
        stops = list(list_stops(actor=self.actor)[:MOST_SHOWN])
        proposals = list(list_proposals(actor=self.actor).filter(decision=None)[:MOST_SHOWN])
        context = {
            "form": form,
            "moment": moment,
            "release": current_release(),
            "previous": previous_model(),
            "releases": releases,
            "stops": stops,
            "proposals": proposals,
            "people": people_of(actor=self.actor, user_ids=named_in(releases, stops, proposals)),
        }
        return render(request, "lifecycle/releases.html", context)


class ProposalPage(CapabilityRequired, View):
    """One proposal with its evidence and its decision."""

    capability = Capability.MODEL_READ

    def get(self, request: HttpRequest, proposal_id: UUID) -> HttpResponse:
        proposal = get_proposal(actor=self.actor, proposal_id=proposal_id)
        people = people_of(actor=self.actor, user_ids=named_in([], [], [proposal]))
        return render(request, "lifecycle/proposal.html", {"proposal": proposal, "people": people})


class ReasonedAct(CapabilityRequired, ReauthenticationRequired, View):
    """A page with a form and one button: asks who it is first, and for a reason."""

    template = "lifecycle/act.html"
    form_class: type[Any] = ReasonForm
    title: str | Promise
    does: str | Promise
    button: str | Promise
    done: str | Promise
    is_dangerous = False
    leads_to = "lifecycle:releases"

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        """Carry it out. May raise InvalidInput, which the form shows."""
        raise NotImplementedError

    def initial(self, **named: Any) -> dict[str, Any]:
        """What the form begins with."""
        return {}

    def context(self, **named: Any) -> dict[str, Any]:
        """What the page shows beside the form."""
        return {}

    def get(self, request: HttpRequest, **named: Any) -> HttpResponse:
        return self._page(self.form_class(initial=self.initial(**named)), named)

    def post(self, request: HttpRequest, **named: Any) -> HttpResponse:
        form = self.form_class(request.POST)
        if form.is_valid():
            try:
                self.act(form.cleaned_data, **named)
            except InvalidInput as refused:
                add_errors(form, refused.errors)
            else:
                messages.success(request, str(self.done))
                return redirect(self.leads_to)
        return self._page(form, named, 422)

    def _page(self, form: Any, named: dict[str, Any], status: int = 200) -> HttpResponse:
        context = {"form": form, "page": self, **self.context(**named)}
        return render(self.request, self.template, context, status=status)


class Propose(ReasonedAct):
    """Proposes a model on what its gates said."""

    capability = Capability.MODEL_PROPOSE
    template = "lifecycle/propose.html"
    form_class = ProposalForm
    title = gettext_lazy("Propose a model")
    button = gettext_lazy("Propose it")
    done = gettext_lazy("It was proposed. Somebody else decides.")

    def context(self, **named: Any) -> dict[str, Any]:
        model = get_model(actor=self.actor, number=named["number"])
        gates = latest_gates(model=model)
        return {"model": model, "results": gates.results if gates else []}

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        propose_model(actor=self.actor, number=named["number"], **cleaned)


class Decide(ReasonedAct):
    """Somebody else's answer to a proposal."""

    capability = Capability.MODEL_APPROVE
    template = "lifecycle/decide.html"
    form_class = DecisionForm
    title = gettext_lazy("Decide on a proposal")
    button = gettext_lazy("Decide")
    done = gettext_lazy("The decision holds in every process within a few seconds.")

    def context(self, **named: Any) -> dict[str, Any]:
        proposal = get_proposal(actor=self.actor, proposal_id=named["proposal_id"])
        return {
            "proposal": proposal,
            "people": people_of(actor=self.actor, user_ids=named_in([], [], [proposal])),
        }

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        decide_proposal(
            actor=self.actor,
            proposal_id=named["proposal_id"],
            is_approved=cleaned["verdict"] == APPROVE,
            reason=cleaned["reason"],
        )


class RollBack(ReasonedAct):
    """Back to the previous model."""

    capability = Capability.MODEL_APPROVE
    template = "lifecycle/roll_back.html"
    form_class = RollBackForm
    title = gettext_lazy("Go back to the previous model")
    button = gettext_lazy("Go back")
    done = gettext_lazy("The previous model answers in every process within a few seconds.")
    is_dangerous = True

    def initial(self, **named: Any) -> dict[str, Any]:
        previous = previous_model()
        return {"number": previous.number if previous else None}

    def context(self, **named: Any) -> dict[str, Any]:
        return {"previous": previous_model(), "release": current_release()}

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        roll_back(actor=self.actor, **cleaned)


class EndCanary(ReasonedAct):
    """Ends the canary."""

    capability = Capability.MODEL_APPROVE
    title = gettext_lazy("End the canary")
    does = gettext_lazy("The released model answers every request again.")
    button = gettext_lazy("End it")
    done = gettext_lazy("The canary ends in every process within a few seconds.")

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        end_canary(actor=self.actor, **cleaned)


class StopAll(ReasonedAct):
    """Stops all predictions."""

    capability = Capability.MODEL_APPROVE
    title = gettext_lazy("Stop all predictions")
    does = gettext_lazy(
        "Nobody gets a list of diseases or a question any more, in no organisation, until somebody lets it begin "
        "again. Cases and earlier lists can be opened as before."
    )
    button = gettext_lazy("Stop all predictions")
    done = gettext_lazy("All predictions stop within a few seconds.")
    is_dangerous = True

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        set_stop(actor=self.actor, is_stopped=True, **cleaned)


class Resume(ReasonedAct):
    """Lets predictions be made again."""

    capability = Capability.MODEL_APPROVE
    title = gettext_lazy("Let predictions be made again")
    does = gettext_lazy("The model that is released answers again.")
    button = gettext_lazy("Let it begin again")
    done = gettext_lazy("Predictions are made again within a few seconds.")

    def act(self, cleaned: dict[str, Any], **named: Any) -> None:
        set_stop(actor=self.actor, is_stopped=False, **cleaned)


def named_in(
    releases: Iterable[Activation], stops: Iterable[Stop], proposals: Iterable[Proposal]
) -> list[UUID]:
    """Ids of those whom the page names."""
    by = [release.activated_by_id for release in releases]
    by += [release.decision.proposed_by_id for release in releases if release.decision]
    by += [stop.set_by_id for stop in stops]
    for proposal in proposals:
        by.append(proposal.proposed_by_id)
        if hasattr(proposal, "decision"):
            by.append(proposal.decision.decided_by_id)
    return [user_id for user_id in by if user_id is not None]
