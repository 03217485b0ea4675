"""The predictor of the active model, in this process."""

import logging
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.utils.translation import gettext as _

from apps.core.problems import Unavailable
from apps.registry.models import ModelVersion
from apps.registry.selectors import active_model
from ml.serving import CorruptArtefact, Predictor

logger = logging.getLogger(__name__)

# How long an activation may take to reach this process. Asking on every request would cost a query each.
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A model version with its loaded predictor."""

    model: ModelVersion
    predictor: Predictor


class _Slot:
    """Holds what runs; swapped as one reference, so that a request sees the old model or the new, never a mix."""

    def __init__(self) -> None:
        self.running: Running | None = None
        self.looked_at = 0.0
        self.lock = threading.Lock()


_slot = _Slot()


def running_model() -> Running:
    """What answers now. Raises Unavailable when no model is active, or its artefact cannot be loaded at first.

    When a newly activated artefact cannot be loaded, the one that runs goes on and the log says so.
    """
    running = _slot.running
    if running is not None and time.monotonic() - _slot.looked_at < _SECONDS_BETWEEN_LOOKS:
        return running
    with _slot.lock:
        model = active_model()
        _slot.looked_at = time.monotonic()
        if model is None:
            raise Unavailable(_("No model is active yet."))
        if _slot.running is None or _slot.running.model.pk != model.pk:
            _slot.running = _load(model) or _slot.running
        if _slot.running is None:
            raise Unavailable(_("Model %(number)d cannot be loaded.") % {"number": model.number})
        return _slot.running


def _load(model: ModelVersion) -> Running | None:
    try:
        predictor = Predictor.load(Path(model.folder))
    except (CorruptArtefact, OSError):
        logger.exception("model %s cannot be loaded", model.number)
        return None
    if predictor.manifest.artefact_hash != model.artefact_hash:
        logger.error("model %s: its folder holds another artefact than the one registered", model.number)
        return None
    return Running(model, predictor)


@lru_cache(maxsize=2)
def _retired(folder: str, artefact_hash: str) -> Predictor:
    predictor = Predictor.load(Path(folder))
    if predictor.manifest.artefact_hash != artefact_hash:
        raise Unavailable(_("The model that made this prediction is no longer in its folder."))
    return predictor


def predictor_of(model: ModelVersion) -> Predictor:
    """The predictor of any version, to explain what it said earlier. Raises Unavailable when its artefact is gone."""
    if _slot.running is not None and _slot.running.model.pk == model.pk:
        return _slot.running.predictor
    try:
        return _retired(model.folder, model.artefact_hash)
    except (CorruptArtefact, OSError) as error:
        raise Unavailable(_("The model that made this prediction cannot be loaded.")) from error
