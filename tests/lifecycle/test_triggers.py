"""The loop: what moved, new knowledge, an erasure or enough cases start an experiment, each once."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.cases.services import record_outcome
from apps.core.jobs import JobState
from apps.datasets.services import snapshot_confirmed_cases
from apps.knowledge.models import KnowledgeRelease
from apps.lifecycle.models import Experiment, FiredTrigger, MonitoringPolicy
from apps.lifecycle.services import request_experiment
from apps.lifecycle.tasks import check_model
from apps.lifecycle.triggers import fire_triggers
from apps.registry.models import ModelVersion
from tests.conftest import MARFAN
from tests.lifecycle.watching import OTHERS, Fill, checked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def something_to_learn_from(
    active_model: ModelVersion,
    case_of: Callable[..., Case],
    clinician: User,
    actor_of: Callable[[User], Actor],
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.MODEL_STORE, settings.DATA_STORE = tmp_path / "models", tmp_path / "datasets"
    MonitoringPolicy.objects.update(skew_sample=0, knowledge_days=3650)
    case = case_of(clinician, consents={"care": True, "training": True})
    record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=MARFAN)


def fired(*, days: int = 0) -> bool:
    return fire_triggers(now=timezone.now() + timedelta(days=days)) is not None


def end_training() -> None:
    Experiment.objects.filter(state=JobState.PENDING).update(state=JobState.FAILED)


def test_a_drift_starts_one_experiment_with_its_reason(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(120)
    fill(200)
    checked()
    assert not fired()
    fill(200, pool=OTHERS)
    report = checked()
    assert fired()
    run = Experiment.objects.get()
    trigger = FiredTrigger.objects.get(cause__startswith="drift: findings since")
    assert (trigger.kind, trigger.report, trigger.experiment) == ("drift", report, run)
    assert "drift: findings" in run.reason
    assert run.requested_by_id is None
    assert AuditEvent.objects.filter(action="experiment.trigger").count() == 1

    end_training()
    checked()  # it drifts as before
    assert not fired()
    assert not fired(days=30)
    assert Experiment.objects.count() == 1


def test_the_policy_says_what_starts_an_experiment(fill: Fill) -> None:
    fill(120)
    fill(200, pool=OTHERS)
    MonitoringPolicy.objects.update(starts_on_drift=False)
    assert checked().verdict == "alarm"
    assert not fired()


def test_new_knowledge_waits_for_the_cool_down_and_for_the_experiment_under_way(settings: Any) -> None:
    settings.RETRAIN_AFTER_CASES = 1
    assert fired()
    end_training()
    release = KnowledgeRelease.objects.first()
    assert release is not None
    KnowledgeRelease.objects.create(
        version="2027-01", hpo_release="2027-01-16", sha256="0" * 64, folder=release.folder, manifest={}
    )
    assert not fired(days=6)
    run = request_experiment(actor=SYSTEM, reason="")
    run.datasets.add(snapshot_confirmed_cases(actor=SYSTEM))
    assert not fired(days=8)
    Experiment.objects.filter(pk=run.pk).update(
        state=JobState.SUCCEEDED, started_at=timezone.now() + timedelta(hours=1)
    )
    assert fired(days=8)
    assert [trigger.cause for trigger in FiredTrigger.objects.filter(kind="knowledge")] == [
        "knowledge 2027-01"
    ]
    end_training()
    assert not fired(days=30)


def test_an_erasure_of_what_the_running_model_learnt_from_starts_one(
    active_model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "apps.lifecycle.triggers.models_due_for_retraining", lambda: {active_model.number + 1}
    )
    assert not fired()
    monkeypatch.setattr("apps.lifecycle.triggers.models_due_for_retraining", lambda: {active_model.number})
    assert fired()
    assert FiredTrigger.objects.get().kind == "erasure"


def test_a_check_and_what_follows_are_one_task(fill: Fill) -> None:
    check_model(str(uuid4()))  # a check that there is not: nothing happens
    assert not Experiment.objects.exists()
