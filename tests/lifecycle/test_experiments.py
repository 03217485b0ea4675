"""An experiment through pages and services: run, compared, judged, taken up again after a kill, cancelled."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.core.jobs import JobState
from apps.core.problems import Conflict, Denied, InvalidInput
from apps.datasets.models import DatasetVersion
from apps.lifecycle.folders import folder_of
from apps.lifecycle.models import CANCELLED, CANDIDATES, Experiment, Trigger
from apps.lifecycle.selectors import models_due_for_retraining
from apps.lifecycle.services import (
    cancel_experiment,
    request_experiment,
    resume_experiment,
    run_experiment,
)
from apps.lifecycle.tasks import carry_out, resume_pending
from apps.registry.models import ModelVersion
from apps.registry.selectors import active_model as active
from apps.registry.selectors import latest_gates
from ml.training import trials

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """Passes through everything that handles errors, as when the worker's process dies."""


def carried_out(experiment: Experiment, **how: Any) -> Experiment:
    run_experiment(experiment_id=experiment.pk, **how)
    experiment.refresh_from_db()
    return experiment


def test_the_names_of_algorithms_are_those_of_the_engine() -> None:
    assert tuple(CANDIDATES) == trials.CANDIDATES


def test_a_long_list_has_pages(page: Callable[..., Client], user_of: Callable[..., User]) -> None:
    made = [Experiment.objects.create(state=JobState.SUCCEEDED) for _ in range(60)]
    browser = page(user_of(Role.DATA_SCIENTIST))
    first, last = (
        reverse("lifecycle:experiment", args=[experiment.pk]) for experiment in (made[0], made[-1])
    )
    shown = browser.get(reverse("lifecycle:experiments"))
    assert last in shown.content.decode()
    assert first not in shown.content.decode()
    older = browser.get(reverse("lifecycle:experiments"), {"before": shown.context["page"].older})
    assert first in older.content.decode()


@pytest.mark.usefixtures("eager_celery")
def test_an_experiment_on_the_pages(
    small_world: ModelVersion, dataset: DatasetVersion, page: Callable[..., Client], user_of: Callable[..., User],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    browser = page(user_of(Role.DATA_SCIENTIST))
    new = reverse("lifecycle:new-experiment")
    assert dataset.content_hash[:12] in browser.get(new).content.decode()
    wrong = browser.post(
        new, {"datasets": [dataset.pk], "evaluation": [dataset.pk], "trials": 0, "folds": 1, "seed": 3}
    )
    assert wrong.status_code == 422
    assert "2" in wrong.content.decode()
    wanted = {
        "datasets": [dataset.pk], "candidates": ["naive_bayes"], "trials": 0, "folds": 2, "seed": 3,
        "reason": "new data",
    }  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        address = browser.post(new, wanted).url
    experiment = Experiment.objects.get()
    assert (experiment.state, experiment.error, experiment.progress) == (JobState.SUCCEEDED, "", 100)
    assert active() == small_world != experiment.model
    assert experiment.gates == latest_gates(model=experiment.model)
    assert experiment.record["cases"]["train"] + experiment.record["cases"]["held_out"] == 60
    assert experiment.record["cases"]["held_out"] > 0
    assert {"collect", "hold_out"} - experiment.record["steps"].keys() == {"collect"}
    assert all(took["peak_bytes"] > 1e6 for took in experiment.record["steps"].values())

    shown = browser.get(address).content.decode()
    run = experiment.comparison["run"]
    for text in (
        dataset.content_hash, experiment.record["code"], experiment.record["lock_sha256"], run["feature_version"],
        experiment.model.artefact_hash, run["artefact_hash"], "naive Bayes", "accuracy: top-1",
        "Confusion matrix of naive Bayes: diagnosis by first disease",
        reverse("lifecycle:card", args=[experiment.model.number]),
    ):  # fmt: skip
        assert text in shown
    is_failed = experiment.verdict == "failed"
    assert (reverse("lifecycle:propose", args=[experiment.model.number]) in shown) is not is_failed
    assert ("It goes back: a gate failed" in shown) is is_failed
    by_size = browser.get(f"{address}?sort=artefact_bytes&order=ascending").content.decode()
    assert 'aria-sort="ascending"' in by_size
    table = by_size[by_size.index("<tbody>", by_size.index("comparison-title")) :]
    assert table.index("naive Bayes") < table.index("the engine")

    plot = browser.get(reverse("lifecycle:plot", args=[experiment.pk, "accuracy"]))
    assert (plot.headers["Content-Type"], plot.content[:4]) == ("image/png", b"\x89PNG")
    assert 'src="' + reverse("lifecycle:plot", args=[experiment.pk, "reliability"]) in shown
    assert browser.get(reverse("lifecycle:plot", args=[experiment.pk, "nothing"])).status_code == 404
    rows = list(csv.DictReader(io.StringIO(
        browser.get(reverse("lifecycle:comparison-csv", args=[experiment.pk])).content.decode("utf-8-sig")
    )))  # fmt: skip
    top1 = {name: found["measures"]["top1"] for name, found in experiment.comparison["candidates"].items()}
    assert {row["candidate"]: float(row["top1"]) for row in rows} == top1
    whole = browser.get(reverse("lifecycle:comparison-json", args=[experiment.pk])).json()
    assert whole["gates"] == experiment.gates.results
    card = browser.get(reverse("lifecycle:card-markdown", args=[experiment.model.number])).content.decode()
    assert f"{experiment.record['cases']['held_out']} cases of" in card
    assert "| accuracy: top-1 |" in card
    assert reverse("lifecycle:experiment", args=[experiment.pk]) in browser.get("/models/").content.decode()


@pytest.mark.usefixtures("quick_gates")
def test_killed_and_taken_up_again_gives_the_same_and_does_nothing_twice(
    small_world: ModelVersion, dataset: DatasetVersion, eager_celery: None
) -> None:
    whole = carried_out(request_experiment(actor=SYSTEM, reason="whole", datasets=[dataset]))
    begun: list[str] = []

    def kill(percent: int, step: str) -> None:
        begun.append(step)
        if step == "judging by the gates":
            raise Killed

    killed = request_experiment(actor=SYSTEM, reason="killed", trigger=Trigger.DATA, datasets=[dataset])
    with pytest.raises(Killed):
        run_experiment(experiment_id=killed.pk, say=kill)
    killed.refresh_from_db()
    assert killed.state == JobState.RUNNING
    before = killed.record["steps"]["train"]
    resume_pending()
    killed.refresh_from_db()
    assert (killed.state, killed.model) == (JobState.SUCCEEDED, whole.model)
    assert killed.record["steps"]["train"] == before
    assert killed.record["cases"] == whole.record["cases"]
    held = [(folder_of(e.pk) / "cases" / "held-out.jsonl.gz").read_bytes() for e in (whole, killed)]
    assert held[0] == held[1]
    carry_out(str(killed.pk))  # a second delivery
    assert ModelVersion.objects.count() == 3
    events = AuditEvent.objects.filter(action__startswith="experiment", object_ids__contains=[killed.pk])
    assert set(events.values_list("action", flat=True)) == {"experiment.request", "experiment.finish"}


@pytest.mark.usefixtures("quick_gates")
def test_cancelled_at_the_next_step_and_continued_with_a_tracking_server_that_fails(
    small_world: ModelVersion, dataset: DatasetVersion, page: Callable[..., Client], user_of: Callable[..., User],
    actor_of: Callable[[User], Actor], settings: Any,
) -> None:  # fmt: skip
    settings.MLFLOW_TRACKING_URI = "nowhere://tracking"
    user = user_of(Role.DATA_SCIENTIST)
    browser, actor = page(user), actor_of(user)
    experiment = request_experiment(actor=actor, reason="", datasets=[dataset])
    with pytest.raises(Conflict, match="under way"):
        request_experiment(actor=SYSTEM, reason="", datasets=[dataset])
    cancel = reverse("lifecycle:cancel-experiment", args=[experiment.pk])
    resume = reverse("lifecycle:resume-experiment", args=[experiment.pk])

    def press(percent: int, step: str) -> None:
        if step.startswith("fitting"):
            assert browser.post(cancel).status_code == 302

    carried_out(experiment, say=press)
    assert experiment.state == CANCELLED
    assert not (settings.MODEL_STORE / f"run-{experiment.pk}").exists()
    assert (
        "Go on with it" in browser.get(reverse("lifecycle:experiment", args=[experiment.pk])).content.decode()
    )
    assert browser.post(cancel).status_code == 409
    assert browser.post(resume).status_code == 302
    cancel_experiment(actor=actor, experiment_id=experiment.pk)  # while it waits: at once
    assert carried_out(experiment).state == CANCELLED
    resume_experiment(actor=actor, experiment_id=experiment.pk)
    assert carried_out(experiment).state == JobState.SUCCEEDED
    assert "nowhere" in experiment.record["tracking_problem"]
    text = browser.get(reverse("lifecycle:experiment", args=[experiment.pk])).content.decode()
    assert "could not be noted in MLflow" in text
    with pytest.raises(Conflict, match="cancelled or has failed"):
        resume_experiment(actor=actor, experiment_id=experiment.pk)


def test_withdrawn_data_are_not_learned_from(
    small_world: ModelVersion, dataset: DatasetVersion, scientist: Actor
) -> None:
    experiment = request_experiment(actor=scientist, reason="", datasets=[dataset])

    def withdraw(percent: int, step: str) -> None:
        if step.startswith("fitting"):
            DatasetVersion.objects.update(withdrawn_at=timezone.now())

    carried_out(experiment, say=withdraw)
    assert (experiment.state, experiment.model) == (JobState.FAILED, None)
    assert "was erased since" in experiment.error
    with pytest.raises(Conflict, match="erased"):
        resume_experiment(actor=scientist, experiment_id=experiment.pk)
    with pytest.raises(InvalidInput, match="withdrawn"):
        request_experiment(actor=scientist, reason="", datasets=[dataset])
    assert models_due_for_retraining() == set()


def test_what_is_asked_for_wrongly_is_said(
    dataset: DatasetVersion, scientist: Actor, clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        request_experiment(
            actor=scientist,
            reason="",
            datasets=[dataset],
            evaluation=[dataset],
            candidates=["magic"],
            folds=1,
        )
    assert [error.field for error in refused.value.errors] == ["evaluation", "candidates", "folds"]
    for act in (cancel_experiment, resume_experiment):
        with pytest.raises(Denied):
            act(actor=actor_of(clinician), experiment_id=dataset.pk)


@pytest.mark.usefixtures("quick_gates")
def test_data_that_cannot_be_compared_or_judge_are_no_reason_to_fail(
    small_world: ModelVersion, dataset: DatasetVersion, tmp_path: Path, small_files: Path
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join((small_files / "cases.jsonl").read_text().splitlines(keepends=True)[:1]))
    tiny = DatasetVersion.objects.create(content_hash="f" * 64, path=str(few), n_cases=1)
    experiment = carried_out(
        request_experiment(actor=SYSTEM, reason="", datasets=[tiny], candidates=["naive_bayes"])
    )
    assert (experiment.state, experiment.error) == (JobState.SUCCEEDED, "")
    assert "diseases" in experiment.record["comparison_problem"]
    assert experiment.verdict == "insufficient_evidence"
