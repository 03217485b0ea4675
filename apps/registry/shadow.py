"""A candidate scores real cases beside the model that answers, and nobody is shown what it says (ADR 51)."""

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.problems import Conflict
from apps.registry.models import ModelVersion, Shadow
from apps.registry.releases import check_reason
from apps.registry.selectors import active_model, current_shadow, get_model
from apps.registry.services import check_artefact, lock_registry


@transaction.atomic
def begin_shadow(*, actor: Actor, number: int, reason: str) -> Shadow:
    """Let a model score beside, in place of another one that does.

    One person may, for no clinician sees it. Raises Conflict when it answers or scores already, Unavailable when its
    artefact is damaged, and InvalidInput without a reason.
    """
    actor.require(Capability.MODEL_PROPOSE)
    model = get_model(actor=actor, number=number)
    check_reason(reason)
    lock_registry()
    if model == active_model():
        raise Conflict(_("This model answers already."))
    shadow = current_shadow()
    if shadow is not None and shadow.model == model:
        raise Conflict(_("This model scores in the shadow already."))
    check_artefact(model)
    return _write(actor, model, is_on=True, reason=reason)


@transaction.atomic
def end_shadow(*, actor: Actor, reason: str) -> Shadow:
    """Let no model score beside any more; what was scored stays. Raises Conflict when none does, and InvalidInput."""
    actor.require(Capability.MODEL_PROPOSE)
    check_reason(reason)
    lock_registry()
    shadow = current_shadow()
    if shadow is None:
        raise Conflict(_("No model scores in the shadow."))
    return _write(actor, shadow.model, is_on=False, reason=reason)


def _write(actor: Actor, model: ModelVersion, *, is_on: bool, reason: str) -> Shadow:
    shadow = Shadow.objects.create(model=model, is_on=is_on, set_by_id=actor.account().pk, reason=reason)
    record_event(
        actor=actor,
        action="model.begin_shadow" if is_on else "model.end_shadow",
        object_type="model",
        object_ids=[model.pk],
        details={"number": model.number, "artefact_hash": model.artefact_hash},
    )
    return shadow
