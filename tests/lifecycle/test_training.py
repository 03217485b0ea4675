"""Retraining learns from confirmed cases whose patients agree, registers a candidate and leaves the rest to people."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.consents import record_consent
from apps.cases.models import Case
from apps.cases.services import record_outcome
from apps.core.jobs import JobState
from apps.core.problems import Conflict, Denied
from apps.datasets.services import snapshot_confirmed_cases
from apps.knowledge.models import KnowledgeRelease
from apps.lifecycle.folders import folder_of
from apps.lifecycle.models import Experiment
from apps.lifecycle.selectors import confirmed_since_last_training
from apps.lifecycle.services import request_experiment, run_experiment
from apps.lifecycle.tasks import resume_pending, schedule_retraining
from apps.registry.models import ModelVersion
from apps.registry.selectors import active_model as active
from ml.serving import Predictor
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]


# Of the hand-written release, and of HPO as well.
FINDINGS = ("HP:0000111", "HP:0000220")


@pytest.fixture
def confirmed(case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]) -> Case:
    case = case_of(clinician, present=FINDINGS, consents={"care": True, "training": True})
    record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=MARFAN)
    return case


def records(path: str) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(Path(path).read_bytes()).splitlines()]


@pytest.mark.usefixtures("quick_gates")
def test_a_candidate_is_trained_judged_and_registered_but_not_activated(
    small_world: ModelVersion, confirmed: Case, scientist: Actor, eager_celery: None
) -> None:
    experiment = request_experiment(actor=scientist, reason="new cases")
    experiment.begin()  # by a worker that was then killed:
    resume_pending()  # the sweep takes it up

    experiment.refresh_from_db()
    assert (experiment.state, experiment.error, experiment.progress) == (JobState.SUCCEEDED, "", 100)
    assert experiment.model is not None
    assert active() == small_world
    # A single case may be held out, and then judges what knowledge alone makes.
    cases = experiment.record["cases"]
    assert cases["train"] + cases["held_out"] == 1
    assert Predictor.load(experiment.model.folder).manifest.n_cases == cases["train"]
    assert experiment.datasets.get().n_cases == 1
    assert experiment.verdict == "insufficient_evidence"
    if cases["held_out"]:
        (of_case,) = (json.loads(line) for line in (
            folder_of(experiment.pk) / "cases/organisations.jsonl").read_text().splitlines())  # fmt: skip
        assert of_case["id"] == str(confirmed.pk)
    actions = list(
        AuditEvent.objects.filter(action__startswith="experiment").values_list("action", flat=True)
    )
    assert sorted(actions) == ["experiment.finish", "experiment.request"]

    n_models = ModelVersion.objects.count()
    run_experiment(experiment_id=experiment.pk)  # a second delivery of the same task
    assert ModelVersion.objects.count() == n_models


def test_the_dataset_holds_what_training_needs_and_no_pseudonym(confirmed: Case, clinician: User) -> None:
    dataset = snapshot_confirmed_cases(actor=SYSTEM)
    (record,) = records(dataset.path)
    assert record["id"] == str(confirmed.pk)
    assert [diagnosis["id"] for diagnosis in record["diagnoses"]] == [MARFAN]
    assert [f["id"] for f in record["findings"] if f["state"] == "absent"] == ["HP:0000193"]
    text = json.dumps(record)
    assert confirmed.patient.pseudonym not in text
    assert clinician.username not in text
    assert snapshot_confirmed_cases(actor=SYSTEM) == dataset


def test_only_confirmed_cases_whose_patients_agree_are_learned_from(
    confirmed: Case, case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    actor = actor_of(clinician)
    case_of(clinician, consents={"care": True, "training": True})  # not confirmed
    none_of_these = case_of(clinician, consents={"care": True, "training": True})
    record_outcome(actor=actor, case_id=none_of_these.pk, disease_id=None)
    refused = case_of(clinician, consents={"care": True, "training": False})
    record_outcome(actor=actor, case_id=refused.pk, disease_id=MARFAN)
    assert [record["id"] for record in records(snapshot_confirmed_cases(actor=SYSTEM).path)] == [
        str(confirmed.pk)
    ]

    record_consent(actor=actor, case_id=confirmed.pk, purpose="training", is_given=False)
    assert snapshot_confirmed_cases(actor=SYSTEM).n_cases == 0


def test_two_experiments_at_once_are_refused(confirmed: Case, scientist: Actor) -> None:
    request_experiment(actor=scientist, reason="")
    with pytest.raises(Conflict, match="under way"):
        request_experiment(actor=scientist, reason="")


def test_without_a_confirmed_case_there_is_nothing_to_learn_from(scientist: Actor) -> None:
    with pytest.raises(Conflict, match="nothing to learn from"):
        request_experiment(actor=scientist, reason="")


def test_only_those_who_may_train_may_ask(
    confirmed: Case, clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    with pytest.raises(Denied):
        request_experiment(actor=actor_of(clinician), reason="")


def test_a_failure_says_why_and_does_not_block_the_next(
    confirmed: Case, scientist: Actor, knowledge: KnowledgeRelease, tmp_path: Path
) -> None:
    KnowledgeRelease.objects.filter(pk=knowledge.pk).update(folder=str(tmp_path / "gone"))
    run = request_experiment(actor=scientist, reason="")
    run_experiment(experiment_id=run.pk)
    run.refresh_from_db()
    assert run.state == JobState.FAILED
    assert "no knowledge folder" in run.error
    assert request_experiment(actor=scientist, reason="").state == JobState.PENDING


def test_the_schedule_waits_for_enough_confirmed_cases(confirmed: Case, settings) -> None:
    schedule_retraining()
    assert not Experiment.objects.exists()
    settings.RETRAIN_AFTER_CASES = 1
    schedule_retraining()
    run = Experiment.objects.get()
    assert (run.state, run.requested_by_id, run.trigger) == (JobState.PENDING, None, "cases")
    schedule_retraining()  # while one is under way
    assert Experiment.objects.count() == 1

    run.begin()
    run.datasets.add(snapshot_confirmed_cases(actor=SYSTEM))
    run.finish()
    assert confirmed_since_last_training() == 0
