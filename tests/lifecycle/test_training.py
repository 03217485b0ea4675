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
from apps.lifecycle.models import TrainingRun
from apps.lifecycle.selectors import confirmed_since_last_training
from apps.lifecycle.services import request_training, run_training
from apps.lifecycle.tasks import resume_pending, schedule_retraining
from apps.registry.models import ModelVersion
from apps.registry.selectors import active_model as active
from ml.serving import Predictor
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]


@pytest.fixture(autouse=True)
def stores(settings, tmp_path: Path) -> None:
    settings.MODEL_STORE = tmp_path / "models"
    settings.DATA_STORE = tmp_path / "datasets"


@pytest.fixture
def scientist(user_of: Callable[..., User], actor_of: Callable[[User], Actor]) -> Actor:
    return actor_of(user_of("data_scientist"))


@pytest.fixture
def confirmed(case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]) -> Case:
    case = case_of(clinician, consents={"care": True, "training": True})
    record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=MARFAN)
    return case


def records(path: str) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(Path(path).read_bytes()).splitlines()]


def test_a_candidate_is_trained_and_registered_but_not_activated(
    confirmed: Case, scientist: Actor, eager_celery: None
) -> None:
    before = active()
    run = request_training(actor=scientist, reason="new cases")
    run.begin()  # by a worker that was then killed:
    resume_pending()  # the sweep takes it up

    run.refresh_from_db()
    assert (run.state, run.error, run.progress) == (JobState.SUCCEEDED, "", 100)
    assert run.model is not None
    assert active() == before != run.model
    predictor = Predictor.load(run.model.folder)
    assert predictor.manifest.artefact_hash == run.model.artefact_hash
    assert predictor.manifest.n_cases == 1
    actions = list(AuditEvent.objects.filter(action__startswith="training").values_list("action", flat=True))
    assert sorted(actions) == ["training.finish", "training.request"]

    run_training(run_id=run.pk)  # a second delivery of the same task
    assert ModelVersion.objects.count() == 2


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


def test_two_trainings_at_once_are_refused(confirmed: Case, scientist: Actor) -> None:
    request_training(actor=scientist)
    with pytest.raises(Conflict, match="under way"):
        request_training(actor=scientist)


def test_without_a_confirmed_case_there_is_nothing_to_learn_from(scientist: Actor) -> None:
    with pytest.raises(Conflict, match="nothing to learn from"):
        request_training(actor=scientist)


def test_only_those_who_may_train_may_ask(
    confirmed: Case, clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    with pytest.raises(Denied):
        request_training(actor=actor_of(clinician))


def test_a_failure_says_why_and_does_not_block_the_next(
    confirmed: Case, scientist: Actor, knowledge: KnowledgeRelease, tmp_path: Path
) -> None:
    KnowledgeRelease.objects.filter(pk=knowledge.pk).update(folder=str(tmp_path / "gone"))
    run = request_training(actor=scientist)
    run_training(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == JobState.FAILED
    assert "no knowledge folder" in run.error
    assert request_training(actor=scientist).state == JobState.PENDING


def test_the_schedule_waits_for_enough_confirmed_cases(confirmed: Case, settings) -> None:
    schedule_retraining()
    assert not TrainingRun.objects.exists()
    settings.RETRAIN_AFTER_CASES = 1
    schedule_retraining()
    run = TrainingRun.objects.get()
    assert (run.state, run.requested_by_id) == (JobState.PENDING, None)
    schedule_retraining()  # while one is under way
    assert TrainingRun.objects.count() == 1

    run.begin()
    run.finish()
    assert confirmed_since_last_training() == 0
