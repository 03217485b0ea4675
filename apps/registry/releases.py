"""Two people release a model; one takes it back, or stops all predictions."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.problems import Conflict, FieldError, Forbidden, InvalidInput
from apps.registry.gates import FAILED, INSUFFICIENT, named
from apps.registry.models import Activation, Decision, GateReport, ModelVersion, Proposal, Stop
from apps.registry.selectors import (
    ALL,
    current_release,
    current_stop,
    get_model,
    get_proposal,
    latest_gates,
    previous_model,
)
from apps.registry.services import check_artefact, lock_registry, prepare

SHORTEST_REASON = 10


@transaction.atomic
def propose_model(
    *, actor: Actor, number: int, reason: str, share: int = ALL, accepts_doubt: bool = False
) -> Proposal:
    """Propose that a model answers `share` percent of the requests, on what its gates said last.

    Raises InvalidInput when a gate failed or none was recorded, and when gates had too little evidence and the proposer
    does not accept that (`accepts_doubt`, which he justifies in the reason); Conflict when it answers or waits already.
    """
    actor.require(Capability.MODEL_PROPOSE)
    model = get_model(actor=actor, number=number)
    check_reason(reason)
    lock_registry()
    if Proposal.objects.filter(model=model, decision=None).exists():
        raise Conflict(_("This model is proposed already and waits for somebody’s decision."))
    release = current_release()
    if release.model == model:
        raise Conflict(_("This model answers already."))
    gates = _sufficient(latest_gates(model=model), accepts_doubt)
    if not 1 <= share <= ALL:
        raise InvalidInput([FieldError("share", "no_share", _("A share is 1 to 100 percent."), str(share))])
    if share < ALL and release.model is None:
        raise Conflict(_("No model answers yet, so none can answer beside it."))
    proposal = Proposal.objects.create(
        model=model, gates=gates, share=share, proposed_by_id=actor.account().pk, reason=reason
    )
    _record(actor, "model.propose", model, proposal=str(proposal.pk), share=share)
    return proposal


@transaction.atomic
def decide_proposal(*, actor: Actor, proposal_id: UUID, is_approved: bool, reason: str) -> Decision:
    """Approve a proposal, and the model answers from now on in every process; or reject it.

    Raises Forbidden for whoever has proposed it, Conflict when it was decided or there are newer results of gates, and
    Unavailable when the artefact is damaged.
    """
    actor.require(Capability.MODEL_APPROVE)
    proposal = get_proposal(actor=actor, proposal_id=proposal_id)
    check_reason(reason)
    lock_registry()
    person = actor.account().pk
    if person == proposal.proposed_by_id:
        detail = _("You have proposed this model; somebody else must decide.")
        raise Forbidden(detail, "model.approve", "proposal", (proposal.pk,))
    if Decision.objects.filter(proposal=proposal).exists():
        raise Conflict(_("This proposal was decided already."))
    decision = Decision.objects.create(
        proposal=proposal,
        proposed_by_id=proposal.proposed_by_id,
        decided_by_id=person,
        is_approved=is_approved,
        reason=reason,
    )
    if is_approved:
        if latest_gates(model=proposal.model) != proposal.gates:
            raise Conflict(
                _("The gates have newer results than this proposal rests on: reject it, and propose again.")
            )
        _release(proposal, decision)
    _record(
        actor,
        "model.approve" if is_approved else "model.reject",
        proposal.model,
        proposal=str(proposal.pk),
        share=proposal.share,
    )
    return decision


def _release(proposal: Proposal, decision: Decision) -> None:
    release = current_release()
    if release.model == proposal.model:
        raise Conflict(_("This model answers already."))
    if proposal.share == ALL:
        prepare(proposal.model)
    else:
        # The findings that are offered stay those of the model that answers most.
        check_artefact(proposal.model)
    Activation.objects.create(
        model=proposal.model,
        kind=Activation.Kind.PROMOTION if proposal.share == ALL else Activation.Kind.CANARY,
        share=proposal.share,
        decision=decision,
        activated_by_id=decision.decided_by_id,
        reason=decision.reason,
    )


@transaction.atomic
def roll_back(*, actor: Actor, number: int, reason: str) -> Activation:
    """Let the previous model, `number`, answer again; a canary ends with it.

    Raises Conflict when that is not the previous one (any more), and Unavailable when its artefact is damaged.
    """
    actor.require(Capability.MODEL_APPROVE)
    check_reason(reason)
    lock_registry()
    model = previous_model()
    if model is None:
        raise Conflict(_("There is no earlier model to go back to."))
    if model.number != number:
        raise Conflict(_("Meanwhile another model was released or taken back; look again."))
    return _activate(actor, model, Activation.Kind.ROLLBACK, "model.rollback", reason)


@transaction.atomic
def end_canary(*, actor: Actor, reason: str) -> Activation:
    """Let the released model answer every request again. Raises Conflict when there is no canary."""
    actor.require(Capability.MODEL_APPROVE)
    check_reason(reason)
    lock_registry()
    release = current_release()
    if release.canary is None or release.model is None:
        raise Conflict(_("There is no canary to end."))
    return _activate(actor, release.model, Activation.Kind.CANARY_END, "model.end_canary", reason)


def _activate(
    actor: Actor, model: ModelVersion, kind: Activation.Kind, action: str, reason: str
) -> Activation:
    prepare(model)
    activation = Activation.objects.create(
        model=model, kind=kind, activated_by_id=actor.account().pk, reason=reason
    )
    _record(actor, action, model)
    return activation


@transaction.atomic
def set_stop(*, actor: Actor, is_stopped: bool, reason: str) -> Stop:
    """Stop all predictions, of every model and organisation, or let them be made again. Raises Conflict if it is so."""
    actor.require(Capability.MODEL_APPROVE)
    check_reason(reason)
    lock_registry()
    if (current_stop() is not None) == is_stopped:
        raise Conflict(
            _("Predictions are stopped already.") if is_stopped else _("Predictions are not stopped.")
        )
    stop = Stop.objects.create(is_stopped=is_stopped, set_by_id=actor.account().pk, reason=reason)
    record_event(
        actor=actor,
        action="model.stop" if is_stopped else "model.resume",
        object_type="stop",
        object_ids=[stop.pk],
    )
    return stop


def _sufficient(gates: GateReport | None, accepts_doubt: bool) -> GateReport:
    if gates is None:
        detail = _("No results of the gates are recorded for this model (manage.py record_gates).")
        raise InvalidInput([FieldError("gates", "no_gates", detail)])
    if failed := named(gates.results, FAILED):
        raise InvalidInput(
            FieldError(
                "gates",
                "gate_failed",
                _("The gate “%(name)s” failed: %(reason)s")
                % {"name": gate["name"], "reason": gate["reason"]},
                gate["name"],
            )
            for gate in failed
        )
    doubtful = named(gates.results, INSUFFICIENT)
    if doubtful and not accepts_doubt:
        detail = _("These gates had too little evidence; say in the reason why that is acceptable: %(names)s")
        names = ", ".join(gate["name"] for gate in doubtful)
        raise InvalidInput([FieldError("accepts_doubt", "too_little_evidence", detail % {"names": names})])
    return gates


def check_reason(reason: str) -> None:
    """Raises InvalidInput for what is too short to be one."""
    if len(reason.strip()) < SHORTEST_REASON:
        detail = _("Say why, in at least %(n)d characters.") % {"n": SHORTEST_REASON}
        raise InvalidInput([FieldError("reason", "too_short", detail)])


def _record(actor: Actor, action: str, model: ModelVersion, **details: object) -> None:
    record_event(
        actor=actor,
        action=action,
        object_type="model",
        object_ids=[model.pk],
        details={"number": model.number, "artefact_hash": model.artefact_hash, **details},
    )
