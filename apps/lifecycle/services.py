"""Asking for an experiment, doing it, ending it early and going on with it."""

import logging
from collections.abc import Sequence
from typing import cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import SYSTEM, Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED, JobState, only_worker
from apps.core.problems import Conflict, FieldError, InvalidInput
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import trainable_datasets
from apps.lifecycle.models import CANCELLED, CANDIDATES, ENGINE, Experiment, Trigger
from apps.lifecycle.selectors import any_confirmed_cases, get_experiment
from apps.lifecycle.stages import Say, Stages, Stopped
from apps.registry.models import ModelVersion

logger = logging.getLogger(__name__)

MOST_TRIALS, LEAST_FOLDS, MOST_FOLDS, MOST_SEED = 200, 2, 20, 2**31 - 1


@transaction.atomic
def request_experiment(
    *,
    actor: Actor,
    reason: str,
    trigger: str = Trigger.PERSON,
    datasets: Sequence[DatasetVersion] = (),
    evaluation: Sequence[DatasetVersion] = (),
    candidates: Sequence[str] = (ENGINE,),
    seed: int = 0,
    trials: int = 10,
    folds: int = 5,
) -> Experiment:
    """Write an experiment down for the workers; the caller queues it, or the sweep finds it within a minute.

    Without `datasets` it learns from the confirmed cases as they are when it begins. `evaluation` judges; without it,
    cases of the datasets are held out (`ml.training.holdout`). `candidates` (`models.CANDIDATES`) are compared with
    `trials` of tuning each on `folds` folds; the engine, which is one of them always, is trained, registered and
    judged by the gates. It is never activated.

    Raises Conflict while another one is under way or when there is nothing to learn from, and InvalidInput.
    """
    if actor is not SYSTEM:
        actor.require(Capability.MODEL_TRAIN)
    chosen = tuple(dict.fromkeys((ENGINE, *candidates)))
    if faults := _faults(datasets, evaluation, chosen, seed, trials, folds):
        raise InvalidInput(faults)
    if not datasets and not any_confirmed_cases():
        raise Conflict(
            _("No case has a confirmed diagnosis and consent to model training; nothing to learn from.")
        )
    experiment = Experiment(
        requested_by_id=actor.user_id,
        reason=reason[:300],
        trigger=trigger,
        takes_confirmed=not datasets,
        candidates=list(chosen),
        seed=seed,
        trials=trials,
        folds=folds,
    )
    _save_alone(experiment)
    experiment.datasets.set(datasets)
    experiment.evaluation.set(evaluation)
    _record(actor, "experiment.request", experiment, trigger=str(trigger), candidates=list(chosen))
    return experiment


@transaction.atomic
def cancel_experiment(*, actor: Actor, experiment_id: UUID) -> Experiment:
    """End an experiment: at once while it waits, at its next step while a worker is at it. What is finished is kept.

    Raises Conflict when it has ended.
    """
    actor.require(Capability.MODEL_TRAIN)
    get_experiment(actor=actor, experiment_id=experiment_id)
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    if experiment.state not in UNFINISHED:
        raise Conflict(_("This experiment has ended already."))
    if experiment.state == JobState.PENDING:
        experiment.state = CANCELLED
        experiment.finished_at = timezone.now()
    experiment.cancel_asked_at = timezone.now()
    experiment.save(update_fields=["state", "finished_at", "cancel_asked_at"])
    _record(actor, "experiment.cancel", experiment)
    return experiment


@transaction.atomic
def resume_experiment(*, actor: Actor, experiment_id: UUID) -> Experiment:
    """Go on with an experiment that was cancelled or failed, from the step that it did not finish.

    Raises Conflict when it may not be, or while another one is under way.
    """
    actor.require(Capability.MODEL_TRAIN)
    get_experiment(actor=actor, experiment_id=experiment_id)
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    if not experiment.may_resume:
        raise Conflict(_("Only an experiment that was cancelled or has failed can go on."))
    if any(chosen.filter(withdrawn_at__isnull=False).exists()
           for chosen in (experiment.datasets, experiment.evaluation)):  # fmt: skip
        raise Conflict(_("Somebody in its data was erased since: begin another experiment."))
    experiment.state, experiment.cancel_asked_at, experiment.finished_at = JobState.PENDING, None, None
    experiment.error = ""
    _save_alone(experiment)
    _record(actor, "experiment.resume", experiment)
    return experiment


def run_experiment(*, experiment_id: UUID, say: Say = lambda percent, step: None) -> None:
    """Do what is left to do of an experiment.

    Idempotent: one that has ended is left alone, one whose worker died goes on after what was finished, and the same
    data give the same artefact, which the registry knows already.
    """
    with only_worker(experiment_id) as may_work:
        experiment = Experiment.objects.filter(pk=experiment_id, state__in=UNFINISHED).first()
        if not may_work or experiment is None:
            return
        experiment.begin()
        try:
            Stages(experiment, say).run()
        except Stopped:
            experiment.state, experiment.finished_at = CANCELLED, timezone.now()
            experiment.save(update_fields=["state", "finished_at"])
        except Exception as error:
            logger.exception("experiment %s failed", experiment.pk)
            experiment.finish(
                error=str(error) if isinstance(error, Conflict) else f"{type(error).__name__}: {error}"
            )
            _record(SYSTEM, "experiment.fail", experiment)
        else:
            _finish(experiment)


@transaction.atomic
def _finish(experiment: Experiment) -> None:
    experiment.finish()
    model, cases = cast(ModelVersion, experiment.model), experiment.record["cases"]
    record_event(
        actor=SYSTEM,
        action="experiment.finish",
        object_type="experiment",
        object_ids=[experiment.pk, model.pk],
        details={
            "model": model.number,
            "n_cases": cases["train"],
            "n_held_out": cases["held_out"],
            "verdict": experiment.verdict,
        },
    )


def _save_alone(experiment: Experiment) -> None:
    try:
        with transaction.atomic():
            experiment.save()
    except IntegrityError as error:
        raise Conflict(_("An experiment is under way already; wait until it has ended.")) from error


def _faults(
    datasets: Sequence[DatasetVersion],
    evaluation: Sequence[DatasetVersion],
    candidates: Sequence[str],
    seed: int,
    trials: int,
    folds: int,
) -> list[FieldError]:
    faults = []
    usable = set(trainable_datasets().values_list("pk", flat=True))
    for name, chosen in (("datasets", datasets), ("evaluation", evaluation)):
        for dataset in chosen:
            if dataset.pk not in usable:
                detail = _("This version of data may not be learned from: it was withdrawn or set aside.")
                faults.append(FieldError(name, "not_trainable", detail, dataset.content_hash[:12]))
    if {dataset.pk for dataset in datasets} & {dataset.pk for dataset in evaluation}:
        detail = _("What judges a model must not be learned from: choose each version once.")
        faults.append(FieldError("evaluation", "learned_from", detail))
    if unknown := sorted(set(candidates) - CANDIDATES.keys()):
        detail = _("One of these was expected: %(known)s.") % {"known": ", ".join(CANDIDATES)}
        faults.append(FieldError("candidates", "unknown_candidate", detail, ", ".join(unknown)))
    for name, value, least, most in (
        ("seed", seed, 0, MOST_SEED),
        ("trials", trials, 0, MOST_TRIALS),
        ("folds", folds, LEAST_FOLDS, MOST_FOLDS),
    ):
        if not least <= value <= most:
            detail = _("A number from %(least)d to %(most)d was expected.") % {"least": least, "most": most}
            faults.append(FieldError(name, "out_of_range", detail, str(value)))
    return faults


def _record(actor: Actor, action: str, experiment: Experiment, **details: object) -> None:
    record_event(
        actor=actor, action=action, object_type="experiment", object_ids=[experiment.pk], details=details
    )
