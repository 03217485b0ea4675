"""The predictors that answer, in this process."""

import logging
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from django.utils.translation import gettext as _

from apps.core.problems import Unavailable
from apps.registry.models import ModelVersion
from apps.registry.selectors import Release, current_release, current_shadow
from apps.registry.signature import check_signature
from ml.serving import CorruptArtefact, Predictor

logger = logging.getLogger(__name__)

# How long a release, a rollback or a stop may take to reach this process. Asking on every request would cost queries.
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A model version with its loaded predictor."""

    model: ModelVersion
    predictor: Predictor


@dataclass(frozen=True, slots=True)
class _Answering:
    """What was found at the last look, and loaded."""

    release: Release
    running: Running
    canary: Running | None
    shadow: ModelVersion | None


class _Slot:
    """Holds what answers; swapped as one reference, so that a request sees the old release or the new, never a mix."""

    def __init__(self) -> None:
        self.answering: _Answering | None = None
        self.looked_at = 0.0
        self.lock = threading.Lock()


_slot = _Slot()


def running_model() -> Running:
    """What answers now. Raises Unavailable when no model is active, or its artefact cannot be loaded at first.

    When a newly activated artefact cannot be loaded, the one that runs goes on and the log says so.
    """
    return _look().running


def answering_model(*, request: str) -> Running:
    """What answers the request or case that `request` names, always the same as long as the release is.

    Raises Unavailable when predictions are stopped, and as `running_model` does.
    """
    answering = _look()
    if answering.release.stop is not None:
        raise Unavailable(
            _("Predictions are stopped for now: those who answer for the models have switched them off.")
        )
    canary = answering.canary
    if canary is not None and _percentile(canary.model, request) < answering.release.share:
        return canary
    return answering.running


def shadow_model() -> ModelVersion | None:
    """What scores beside what answers, unseen. Its files are not looked at here. Raises as `running_model` does."""
    return _look().shadow


def _percentile(model: ModelVersion, request: str) -> int:
    """0 to 99; with another canary other requests come first."""
    return int.from_bytes(sha256(f"{model.artefact_hash} {request}".encode()).digest()[:8], "big") % 100


def _look() -> _Answering:
    answering = _slot.answering
    if answering is not None and time.monotonic() - _slot.looked_at < _SECONDS_BETWEEN_LOOKS:
        return answering
    with _slot.lock:
        release = current_release()
        _slot.looked_at = time.monotonic()
        if release.model is None:
            raise Unavailable(_("No model is active yet."))
        before = _slot.answering
        running = _load(release.model) or (before.running if before else None)
        if running is None:
            raise Unavailable(_("Model %(number)d cannot be loaded.") % {"number": release.model.number})
        canary = None if release.canary is None else _load(release.canary)
        shadow = current_shadow()
        _slot.answering = _Answering(release, running, canary, shadow.model if shadow else None)
        return _slot.answering


def _load(model: ModelVersion) -> Running | None:
    try:
        return Running(model, _predictor(model.number, model.folder, model.artefact_hash, model.signature))
    except (CorruptArtefact, OSError):
        logger.exception("model %s cannot be loaded", model.number)
        return None


def load_artefact(*, number: int, folder: str, artefact_hash: str, signature: str) -> Predictor:
    """The predictor, read anew. Raises CorruptArtefact when it is not what was registered and signed, and OSError."""
    predictor = Predictor.load(Path(folder))
    if predictor.manifest.artefact_hash != artefact_hash:
        raise CorruptArtefact(f"model {number}: its folder holds another artefact than the one registered")
    check_signature(number=number, manifest=predictor.manifest, signature=signature)
    return predictor


# Enough for a release, a canary, and the one before: a rollback shall not have to load.
@lru_cache(maxsize=4)
def _predictor(number: int, folder: str, artefact_hash: str, signature: str) -> Predictor:
    return load_artefact(number=number, folder=folder, artefact_hash=artefact_hash, signature=signature)


def predictor_of(model: ModelVersion) -> Predictor:
    """The predictor of any version, to explain what it said earlier. Raises Unavailable when its artefact is gone."""
    try:
        return _predictor(model.number, model.folder, model.artefact_hash, model.signature)
    except (CorruptArtefact, OSError) as error:
        raise Unavailable(_("The model that made this prediction cannot be loaded.")) from error
