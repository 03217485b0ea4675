"""What is past its retention is deleted, all of it and nothing else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.audit.models import AuditEvent
from apps.cases.models import Case, Consent, Finding, Patient
from apps.core.jobs import JobState
from apps.core.problems import Denied
from apps.predictions.models import Feedback, Prediction
from apps.predictions.services import predict_case, record_feedback
from apps.privacy.models import RetentionRun
from apps.privacy.services import purge_case, request_purge, run_purge
from apps.privacy.tasks import schedule_purges
from config.celery import app as celery

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]


@pytest.fixture
def expired(case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]) -> Case:
    """A case with a prediction and feedback, past its retention since an hour."""
    case = case_of(clinician)
    prediction = predict_case(actor=actor_of(clinician), case_id=case.pk)
    record_feedback(actor=actor_of(clinician), prediction_id=prediction.pk, disease_id="OMIM:154700")
    Case.objects.filter(pk=case.pk).update(retain_until=timezone.now() - timedelta(hours=1))
    return case


def officer_run(user_of: Callable[..., User], actor_of: Callable[[User], Actor]) -> RetentionRun:
    run = request_purge(actor=actor_of(user_of("privacy_officer")))
    run_purge(run_id=run.pk)
    run.refresh_from_db()
    return run


def test_a_sweep_removes_what_is_due_and_nothing_early(
    expired: Case,
    clinician: User,
    case_of: Callable[..., Case],
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
) -> None:
    kept = case_of(clinician)
    predict_case(actor=actor_of(clinician), case_id=kept.pk)

    run = officer_run(user_of, actor_of)

    assert (run.state, run.n_due, run.n_deleted, run.progress) == (JobState.SUCCEEDED, 1, 1, 100)
    for model in (Finding, Prediction):
        assert set(model.objects.values_list("case_id", flat=True)) == {kept.pk}
    assert list(Patient.objects.values_list("pk", flat=True)) == [kept.patient_id]
    assert not Consent.objects.filter(patient_id=expired.patient_id).exists()
    assert not Feedback.objects.exists()
    event = AuditEvent.objects.get(action="case.purge")
    assert (event.object_ids, event.patient_ids, event.roles) == (
        [expired.pk],
        [expired.patient_id],
        ["system"],
    )


def test_a_second_sweep_and_a_second_delivery_do_nothing(
    expired: Case, user_of: Callable[..., User], actor_of: Callable[[User], Actor]
) -> None:
    run = officer_run(user_of, actor_of)
    run_purge(run_id=run.pk)
    assert officer_run(user_of, actor_of).n_deleted == 0
    assert AuditEvent.objects.filter(action="case.purge").count() == 1


def test_a_run_that_a_killed_worker_left_is_finished_by_the_next(
    expired: Case, user_of: Callable[..., User], actor_of: Callable[[User], Actor]
) -> None:
    run = request_purge(actor=actor_of(user_of("privacy_officer")))
    run.begin()
    run_purge(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.n_deleted) == (JobState.SUCCEEDED, 1)


def test_one_organisation_does_not_sweep_another(
    expired: Case,
    other_organisation: Organisation,
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
) -> None:
    stranger = user_of("privacy_officer", organisation=other_organisation)
    run = request_purge(actor=actor_of(stranger))
    run_purge(run_id=run.pk)
    assert Case.objects.filter(pk=expired.pk).exists()


def test_a_case_that_was_changed_meanwhile_stays(expired: Case) -> None:
    Case.objects.filter(pk=expired.pk).update(retain_until=timezone.now() + timedelta(days=1))
    assert not purge_case(case_id=expired.pk)
    assert Prediction.objects.filter(case_id=expired.pk).exists()


def test_the_database_refuses_to_purge_what_is_not_due(
    clinician: User, case_of: Callable[..., Case], actor_of: Callable[[User], Actor]
) -> None:
    case = case_of(clinician)
    predict_case(actor=actor_of(clinician), case_id=case.pk)
    with (
        pytest.raises(ProgrammingError, match="not past its retention"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT hoofbeat_purge_predictions(%s)", [case.pk])
    assert Prediction.objects.count() == 1


def test_only_a_privacy_officer_may_ask(
    user_of: Callable[..., User], actor_of: Callable[[User], Actor]
) -> None:
    with pytest.raises(Denied):
        request_purge(actor=actor_of(user_of("clinician")))


def test_the_daily_schedule_makes_one_run_an_organisation_with_work(
    expired: Case, other_organisation: Organisation, eager_celery: None
) -> None:
    schedule_purges()
    (run,) = RetentionRun.objects.all()
    assert (run.state, run.n_deleted, run.requested_by_id) == (JobState.SUCCEEDED, 1, None)
    assert not Case.objects.exists()


def test_the_schedules_name_tasks_that_exist() -> None:
    celery.loader.import_default_modules()
    scheduled = {entry["task"] for entry in celery.conf.beat_schedule.values()}
    assert scheduled <= set(celery.tasks)
