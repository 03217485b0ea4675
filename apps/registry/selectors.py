"""Reading the registry."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.core.capabilities import Capability
from apps.core.problems import Denied
from apps.registry.models import Activation, GateReport, ModelVersion, Proposal, Shadow, Stop

ALL = 100


@dataclass(frozen=True, slots=True)
class Release:
    """What answers: `model` every request but the `share` percent that `canary` gets, unless there is a `stop`."""

    model: ModelVersion | None
    canary: ModelVersion | None
    share: int
    stop: Stop | None


def list_models(*, actor: Actor) -> QuerySet[ModelVersion]:
    """All model versions, newest first; models belong to the installation, not to one organisation."""
    if not actor.can(Capability.MODEL_READ):
        return ModelVersion.objects.none()
    return ModelVersion.objects.all()


def get_model(*, actor: Actor, number: int) -> ModelVersion:
    """One model version; raises Denied when there is none."""
    # A number that the database could not hold names no model.
    model = list_models(actor=actor).filter(number=number).first() if number < 2**31 else None
    if model is None:
        raise Denied("model.read", "model")
    return model


def _activations() -> QuerySet[Activation]:
    return Activation.objects.select_related("model", "decision__proposal__gates").order_by("-id")


def active_model() -> ModelVersion | None:
    """The version that answers now, beside whatever canary."""
    activation = _activations().filter(share=ALL).first()
    return activation.model if activation else None


def current_release() -> Release:
    """What answers now."""
    newest = _activations().first()
    if newest is None or newest.share == ALL:
        return Release(newest.model if newest else None, None, 0, current_stop())
    return Release(active_model(), newest.model, newest.share, current_stop())


def current_stop() -> Stop | None:
    """The order by which nothing is predicted now."""
    newest = Stop.objects.order_by("-id").first()
    return newest if newest is not None and newest.is_stopped else None


def current_shadow() -> Shadow | None:
    """The order by which a model scores beside what answers."""
    newest = Shadow.objects.select_related("model").order_by("-id").first()
    return newest if newest is not None and newest.is_on else None


def last_shadow(*, actor: Actor) -> Shadow | None:
    """The newest order, also one that ended it."""
    if not actor.can(Capability.MODEL_READ):
        return None
    return Shadow.objects.select_related("model").order_by("-id").first()


def previous_model() -> ModelVersion | None:
    """The version that a rollback would let answer: the one before the running one, as if that had never been.

    A rollback takes back what it undoes, so that the next one goes on further and never returns to a model that was
    withdrawn.
    """
    answering: list[ModelVersion] = []
    for activation in _activations().filter(share=ALL).order_by("id"):
        if activation.kind == Activation.Kind.ROLLBACK and len(answering) > 1:
            answering.pop()
        elif not answering or answering[-1].pk != activation.model_id:
            answering.append(activation.model)
    return answering[-2] if len(answering) > 1 else None


def released_at(*, model: ModelVersion) -> datetime | None:
    """When `model` first answered clinicians; None when it never did."""
    return Activation.objects.filter(model=model).order_by("id").values_list("created_at", flat=True).first()


def list_releases(*, actor: Actor) -> QuerySet[Activation]:
    """Every change of what answers, newest first, each with its decision, proposal and evidence."""
    return _activations() if actor.can(Capability.MODEL_READ) else Activation.objects.none()


def releases_at(*, actor: Actor, moment: datetime) -> QuerySet[Activation]:
    """What answered at `moment`: the release, and the canary beside it where there was one; newest first."""
    until = list_releases(actor=actor).filter(created_at__lte=moment)
    held = {row.pk for row in (until.first(), until.filter(share=ALL).first()) if row is not None}
    newest = until.first()
    if newest is not None and newest.share == ALL:
        held = {newest.pk}
    return until.filter(pk__in=held)


def list_stops(*, actor: Actor) -> QuerySet[Stop]:
    """When nothing was predicted, and when it was again; newest first."""
    return Stop.objects.order_by("-id") if actor.can(Capability.MODEL_READ) else Stop.objects.none()


def latest_gates(*, model: ModelVersion) -> GateReport | None:
    """What the gates said last of `model`."""
    return GateReport.objects.filter(model=model).order_by("-id").first()


def list_proposals(*, actor: Actor) -> QuerySet[Proposal]:
    """All proposals, newest first, each with its decision if there is one."""
    if not actor.can(Capability.MODEL_READ):
        return Proposal.objects.none()
    return Proposal.objects.select_related("model", "gates", "decision").order_by("-id")


def get_proposal(*, actor: Actor, proposal_id: UUID) -> Proposal:
    """One proposal; raises Denied when there is none."""
    proposal = list_proposals(actor=actor).filter(pk=proposal_id).first()
    if proposal is None:
        raise Denied("model.read", "proposal", (proposal_id,))
    return proposal
