"""Registering and activating models."""

from pathlib import Path

from django.db import connection, transaction
from django.db.models import Max

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.knowledge.services import add_missing_diseases, offer_local_findings
from apps.registry.models import Activation, ModelVersion
from apps.registry.running import predictor_of
from apps.registry.selectors import active_model
from ml.serving import Predictor

_REGISTRY_LOCK = 0x4D6F6465


@transaction.atomic
def register_model(*, actor: Actor, folder: Path) -> tuple[ModelVersion, bool]:
    """Take an artefact into the registry: (its version, whether it is new).

    The artefact is loaded once, so that a damaged one is refused here (ml.serving.CorruptArtefact).
    """
    predictor = Predictor.load(folder)
    manifest = predictor.manifest
    add_missing_diseases(
        candidates=((i, name, predictor.ids_of(i)) for i, name in predictor.candidates.items())
    )
    _lock()
    known = ModelVersion.objects.filter(artefact_hash=manifest.artefact_hash).first()
    if known is not None:
        if known.folder != str(folder.resolve()):
            known.folder = str(folder.resolve())
            known.save(update_fields=["folder"])
        return known, False
    highest = ModelVersion.objects.aggregate(Max("number"))["number__max"] or 0
    model = ModelVersion.objects.create(
        number=highest + 1,
        artefact_hash=manifest.artefact_hash,
        folder=str(folder.resolve()),
        knowledge_version=manifest.knowledge_version,
        manifest=dict(manifest.raw),
    )
    record_event(
        actor=actor,
        action="model.register",
        object_type="model",
        object_ids=[model.pk],
        details={"number": model.number, "artefact_hash": model.artefact_hash},
    )
    return model, True


@transaction.atomic
def activate_model(*, actor: Actor, model: ModelVersion, reason: str = "") -> bool:
    """Let `model` answer from now on, in every process; False when it does already.

    Raises Unavailable when its artefact is gone or damaged.
    """
    _lock()
    running = active_model()
    if running is not None and running.pk == model.pk:
        return False
    offer_local_findings(findings=predictor_of(model).vocabulary.local_findings())
    Activation.objects.create(model=model, activated_by_id=actor.user_id, reason=reason)
    record_event(
        actor=actor,
        action="model.activate",
        object_type="model",
        object_ids=[model.pk],
        details={"number": model.number, "artefact_hash": model.artefact_hash},
    )
    return True


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_REGISTRY_LOCK])
