"""Asking for a training, and doing it."""

import logging
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.selectors import in_each_organisation
from apps.audit.services import record_event
from apps.cases.selectors import confirmed_cases
from apps.core.capabilities import Capability
from apps.core.jobs import JobState, only_worker
from apps.core.problems import Conflict
from apps.datasets.services import snapshot_confirmed_cases
from apps.knowledge.selectors import current_release
from apps.lifecycle.models import TrainingRun
from apps.registry.services import register_model

logger = logging.getLogger(__name__)


@transaction.atomic
def request_training(*, actor: Actor, reason: str = "") -> TrainingRun:
    """Write a run down for the workers. Raises Conflict while another one is under way."""
    if actor is not SYSTEM:
        actor.require(Capability.MODEL_TRAIN)
    if not any(in_each_organisation(lambda _organisation_id: confirmed_cases().exists())):
        raise Conflict(
            _("No case has a confirmed diagnosis and consent to model training; nothing to learn from.")
        )
    run = TrainingRun(requested_by_id=actor.user_id, reason=reason)
    try:
        with transaction.atomic():
            run.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("A training is under way already; wait until it has ended.")) from error
    record_event(actor=actor, action="training.request", object_type="training", object_ids=[run.pk])
    return run


class _Progress:
    """Writes each step of the training into the run, for those who watch. The percentages are those of time taken."""

    _PERCENT = {"reading": 5, "fitting": 15, "exporting": 35, "checking": 55, "writing": 90}

    def __init__(self, run: TrainingRun) -> None:
        self._run = run

    def __call__(self, step: str) -> None:
        percent = self._PERCENT.get(step.split()[0], self._run.progress)
        self._run.report(max(percent, self._run.progress), step[:200])


def run_training(*, run_id: UUID) -> None:
    """Train, check and register a candidate; never activate it.

    Idempotent: a run that has ended is left alone, one whose worker died starts again, and the same data give the
    same artefact, which the registry knows already.
    """
    with only_worker(run_id) as may_work:
        run = TrainingRun.objects.filter(pk=run_id).first()
        if not may_work or run is None or run.state in {JobState.SUCCEEDED, JobState.FAILED}:
            return
        run.begin()
        try:
            _train(run)
        except Exception as error:
            logger.exception("training %s failed", run.pk)
            run.finish(error=f"{type(error).__name__}: {error}")
            record_event(actor=SYSTEM, action="training.fail", object_type="training", object_ids=[run.pk])


def _train(run: TrainingRun) -> None:
    release = current_release()
    if release is None:
        raise Conflict("No knowledge is loaded; run `manage.py load_knowledge` first.")
    run.report(2, "collecting confirmed cases")
    dataset = snapshot_confirmed_cases(actor=SYSTEM)
    run.dataset = dataset
    run.save(update_fields=["dataset"])
    folder = settings.MODEL_STORE / f"run-{run.pk}"
    if not folder.exists():  # it is written whole or not at all: a killed run may have got this far
        # Brings scikit-learn and the exporter: seconds to import, so only where and when a model is trained.
        from ml.training.train import train

        train(folder, Path(release.folder), [Path(dataset.path)], say=_Progress(run))
    run.report(95, "registering the candidate")
    with transaction.atomic():
        run.model, _is_new = register_model(actor=SYSTEM, folder=folder)
        record_event(
            actor=SYSTEM,
            action="training.finish",
            object_type="training",
            object_ids=[run.pk, run.model.pk],
            details={"n_cases": dataset.n_cases, "model": run.model.number},
        )
        run.finish()
