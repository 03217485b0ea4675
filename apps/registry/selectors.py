"""Reading the registry."""

from datetime import datetime

from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.core.capabilities import Capability
from apps.core.problems import Denied
from apps.registry.models import Activation, ModelVersion


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


def active_model() -> ModelVersion | None:
    """The version that answers now."""
    activation = Activation.objects.select_related("model").order_by("-id").first()
    return activation.model if activation else None


def released_at(*, model: ModelVersion) -> datetime | None:
    """When `model` first answered clinicians; None when it never did."""
    return Activation.objects.filter(model=model).order_by("id").values_list("created_at", flat=True).first()
