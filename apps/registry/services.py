"""Registering models, signing them, and letting the one that came with the system answer."""

from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from apps.accounts.actors import SYSTEM, Actor
from apps.audit.services import record_event
from apps.core.problems import Conflict, Unavailable
from apps.knowledge.services import add_missing_diseases, offer_local_findings
from apps.registry.models import Activation, ModelVersion
from apps.registry.running import load_artefact
from apps.registry.selectors import active_model
from apps.registry.signature import sign
from ml.serving import CorruptArtefact, Predictor

_REGISTRY_LOCK = 0x4D6F6465


@transaction.atomic
def register_model(*, actor: Actor, folder: Path) -> tuple[ModelVersion, bool]:
    """Take an artefact into the registry and sign it: (its version, whether it is new).

    The artefact is loaded once, so that a damaged one is refused here (ml.serving.CorruptArtefact).
    """
    predictor = Predictor.load(folder)
    manifest = predictor.manifest
    add_missing_diseases(
        candidates=((i, name, predictor.ids_of(i)) for i, name in predictor.candidates.items())
    )
    lock_registry()
    known = ModelVersion.objects.filter(artefact_hash=manifest.artefact_hash).first()
    if known is not None:
        if known.folder != str(folder.resolve()):
            # The same files under another manifest: it has a time of its own.
            known.folder, known.manifest = str(folder.resolve()), dict(manifest.raw)
            known.signature = sign(number=known.number, manifest=manifest)
            known.save(update_fields=["folder", "manifest", "signature"])
        return known, False
    highest = ModelVersion.objects.aggregate(Max("number"))["number__max"] or 0
    model = ModelVersion.objects.create(
        number=highest + 1,
        artefact_hash=manifest.artefact_hash,
        folder=str(folder.resolve()),
        knowledge_version=manifest.knowledge_version,
        manifest=dict(manifest.raw),
        signature=sign(number=highest + 1, manifest=manifest),
    )
    _record(actor, "model.register", model)
    return model, True


@transaction.atomic
def sign_model(*, actor: Actor, model: ModelVersion) -> None:
    """Sign what is in the model's folder, as after a change of MODEL_KEY. Raises CorruptArtefact and OSError.

    Whoever calls this vouches that nobody has changed model and registry together.
    """
    manifest = Predictor.load(Path(model.folder)).manifest
    if manifest.artefact_hash != model.artefact_hash:
        raise CorruptArtefact(
            f"model {model.number}: its folder holds another artefact than the one registered"
        )
    model.signature = sign(number=model.number, manifest=manifest)
    model.save(update_fields=["signature"])
    _record(actor, "model.sign", model)


@transaction.atomic
def activate_model(*, model: ModelVersion) -> bool:
    """Let a model answer that came with the system; False when it does already.

    Nobody decides here, so only the first model of an installation gets in this way, and with SHIPPED_MODELS_ANSWER
    later ones as long as no person has ever released one. Raises Conflict otherwise, and Unavailable for a damaged
    artefact.
    """
    lock_registry()
    active = active_model()
    if active is not None and active.pk == model.pk:
        return False
    if Activation.objects.exclude(kind=Activation.Kind.SYSTEM).exists() or (
        active is not None and not settings.SHIPPED_MODELS_ANSWER
    ):
        raise Conflict(
            _("Two people release a model here: propose model %(number)d on its page.")
            % {"number": model.number}
        )
    prepare(model)
    Activation.objects.create(model=model)
    _record(SYSTEM, "model.activate", model)
    return True


def prepare(model: ModelVersion) -> None:
    """Make sure that `model` can answer, and offer the findings that only it knows. Raises Unavailable."""
    offer_local_findings(findings=check_artefact(model).vocabulary.local_findings())


def check_artefact(model: ModelVersion) -> Predictor:
    """Load `model` from its files as they are now. Raises Unavailable unless they are what was registered."""
    try:
        return load_artefact(
            number=model.number,
            folder=model.folder,
            artefact_hash=model.artefact_hash,
            signature=model.signature,
        )
    except (CorruptArtefact, OSError) as error:
        raise Unavailable(
            _("Model %(number)d cannot answer: its files are not those that were registered. (%(why)s)")
            % {"number": model.number, "why": error}
        ) from error


def lock_registry() -> None:
    """Until the end of the transaction nobody else changes which model answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_REGISTRY_LOCK])


def _record(actor: Actor, action: str, model: ModelVersion) -> None:
    record_event(
        actor=actor,
        action=action,
        object_type="model",
        object_ids=[model.pk],
        details={"number": model.number, "artefact_hash": model.artefact_hash},
    )
