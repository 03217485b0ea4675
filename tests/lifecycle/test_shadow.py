"""A candidate in the shadow scores what is asked, nobody is shown it, and whatever it does harms nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError
from rest_framework.test import APIClient

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.accounts.selectors import in_each_organisation
from apps.cases.models import Case
from apps.core.jobs import JobState
from apps.core.problems import Conflict, Denied
from apps.predictions.models import Prediction, ShadowScore
from apps.predictions.services import record_feedback
from apps.predictions.shadow import TASK, score_what_was_lost
from apps.predictions.shadow_selectors import compare_shadow
from apps.predictions.tasks import score
from apps.privacy.erasure import erase_patient, run_erasure
from apps.privacy.models import Erasure
from apps.registry import running
from apps.registry.models import ModelVersion
from apps.registry.services import register_model
from apps.registry.shadow import begin_shadow, end_shadow
from ml.export.bundle import write_bundle
from ml.serving.artefact import read_bundle
from tests.conftest import MARFAN

pytestmark = pytest.mark.django_db

WHY = "to see how it would do"


@pytest.fixture
def scientist(user_of: Callable[..., User], actor_of: Callable[[User], Actor]) -> Actor:
    return actor_of(user_of(Role.DATA_SCIENTIST))


@pytest.fixture(scope="module")
def candidate_dir(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The running model again, under another description."""
    folder = tmp_path_factory.mktemp("shadow") / "candidate"
    files = dict(read_bundle(model_dir).files)
    files["model.json"] = files["model.json"].replace(b"{", b'{"note": "candidate", ', 1)
    write_bundle(folder, files, {"note": "candidate"})
    return folder


@pytest.fixture
def candidate(active_model: ModelVersion, candidate_dir: Path) -> ModelVersion:
    return register_model(actor=SYSTEM, folder=candidate_dir)[0]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_SECONDS_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr(running, "_slot", running._Slot())


@pytest.fixture
def asked(
    api: Callable[..., APIClient], clinician: User, case_of: Callable[..., Case],
    django_capture_on_commit_callbacks: Any,
) -> Callable[[], Any]:  # fmt: skip
    """`asked()` is the answer to a request for a prediction of a new case."""
    client = api(clinician)

    def ask() -> Any:
        case = case_of(clinician)
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post("/api/v1/predictions/", {"case": str(case.pk)}, format="json")
        assert answer.status_code == 201, answer.content
        return answer

    return ask


def lost(*, minutes: int = 5) -> int:
    return score_what_was_lost(now=timezone.now() + timedelta(minutes=minutes))


def test_what_is_asked_is_scored_and_compared_but_not_shown(
    candidate: ModelVersion, scientist: Actor, asked: Callable[[], Any], eager_celery: None, clinician: User,
    actor_of: Callable[[User], Actor], page: Callable[..., Client], user_of: Callable[..., User],
) -> None:  # fmt: skip
    assert score.name == TASK
    asked()
    begin_shadow(actor=scientist, number=candidate.number, reason=WHY)
    answer = asked()
    row = ShadowScore.objects.get()
    assert str(row.prediction_id) == answer.json()["id"]
    assert (row.model, row.error, row.same_first, row.shared_of_ten) == (candidate, "", True, 10)
    assert row.head == Prediction.objects.get(pk=row.prediction_id).output["ranking"][:10]
    assert str(candidate.artefact_hash) not in answer.content.decode()

    record_feedback(actor=actor_of(clinician), prediction_id=row.prediction_id, disease_id=MARFAN)
    found = compare_shadow(actor=scientist, model=candidate)
    assert (found.n, found.n_failed, found.same_first, found.shared_of_ten, found.n_known) == (1, 0, 1, 1, 1)
    assert found.top_10 == (1, 1)
    text = page(user_of(Role.AUDITOR)).get(reverse("lifecycle:shadow")).content.decode()
    assert "1 prediction was scored." in text
    assert "too little evidence" in text
    prediction_page = page(clinician).get(reverse("predictions:detail", args=[row.prediction_id]))
    assert f"Model {candidate.number}" not in prediction_page.content.decode()

    end_shadow(actor=scientist, reason="enough was scored")
    asked()
    assert lost() == 0
    assert ShadowScore.objects.count() == 1


def test_a_broken_candidate_and_a_broken_broker_harm_no_prediction(
    candidate: ModelVersion, scientist: Actor, asked: Callable[[], Any], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    begin_shadow(actor=scientist, number=candidate.number, reason=WHY)

    def no_broker(*_arguments: Any, **_named: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("celery.canvas.Signature.apply_async", no_broker)
    for _ in range(2):
        asked()
    candidate.folder = str(tmp_path / "damaged")
    candidate.save()
    assert lost(minutes=0) == 0  # the queue may still bring them
    assert lost() == 2  # the sweep
    assert lost() == 0
    assert set(ShadowScore.objects.values_list("error", flat=True)) == {"Unavailable"}
    found = compare_shadow(actor=scientist, model=candidate)
    assert (found.n, found.n_failed, found.same_first, found.top_1) == (2, 2, None, None)


def test_who_may_begin_it_and_what(
    candidate: ModelVersion, active_model: ModelVersion, scientist: Actor, user_of: Callable[..., User],
    actor_of: Callable[[User], Actor], page: Callable[..., Client],
) -> None:  # fmt: skip
    with pytest.raises(Denied):
        begin_shadow(actor=actor_of(user_of(Role.ADMINISTRATOR)), number=candidate.number, reason=WHY)
    with pytest.raises(Conflict, match="answers already"):
        begin_shadow(actor=scientist, number=active_model.number, reason=WHY)
    browser = page(user_of(Role.DATA_SCIENTIST))
    address = reverse("lifecycle:begin-shadow", args=[candidate.number])
    assert browser.post(address, {"reason": "short"}).status_code == 422
    assert browser.post(address, {"reason": WHY}).status_code == 302
    with pytest.raises(Conflict, match="already"):
        begin_shadow(actor=scientist, number=candidate.number, reason=WHY)
    assert WHY in browser.get(reverse("lifecycle:shadow")).content.decode()
    assert browser.post(reverse("lifecycle:end-shadow"), {"reason": WHY}).status_code == 302
    with pytest.raises(Conflict):
        end_shadow(actor=scientist, reason=WHY)


def test_scores_are_the_organisations_and_go_with_the_patient(
    candidate: ModelVersion, scientist: Actor, asked: Callable[[], Any], eager_celery: None,
    user_of: Callable[..., User], actor_of: Callable[[User], Actor], other_organisation: Organisation,
) -> None:  # fmt: skip
    begin_shadow(actor=scientist, number=candidate.number, reason=WHY)
    asked()
    asked()
    seen = in_each_organisation(lambda pk: (pk, ShadowScore.objects.count()))
    assert dict(seen)[scientist.scope] == 2
    assert dict(seen)[other_organisation.pk] == 0
    kept, erased = ShadowScore.objects.select_related("prediction__case").order_by("pk")
    with pytest.raises(DatabaseError), transaction.atomic():
        ShadowScore.objects.filter(pk=erased.pk).delete()
    assert erased.prediction.case is not None
    erasure = erase_patient(
        actor=actor_of(user_of(Role.PRIVACY_OFFICER)),
        patient_id=erased.prediction.case.patient_id,
        reason=Erasure.Reason.OBJECTION,
    )
    run_erasure(erasure_id=erasure.pk)
    erasure.refresh_from_db()
    assert (erasure.state, erasure.error) == (JobState.SUCCEEDED, "")
    assert erasure.rows["predictions_shadowscore"] == 1
    assert list(ShadowScore.objects.all()) == [kept]
