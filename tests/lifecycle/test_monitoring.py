"""Watching the running model through the services: what moved alarms, and nothing that is said names anybody."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case, Hold
from apps.core.jobs import JobState
from apps.core.problems import Conflict, Denied, InvalidInput, Unavailable
from apps.lifecycle.models import MonitoringCheck, MonitoringPolicy, MonitoringReport
from apps.lifecycle.monitoring import request_check, run_check, schedule_check
from apps.predictions import services
from apps.predictions.calls import FAILED, REFUSED, calls_between, calls_in_all
from apps.predictions.models import Prediction
from apps.predictions.services import Findings, predict, predict_case, record_feedback
from apps.predictions.watched import NONE_OF_THESE, newest, records_of
from apps.registry.models import ModelVersion
from tests.conftest import MARFAN
from tests.lifecycle.watching import OTHERS, Fill, check_of, checked
from tests.permissions.house import hold_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def young_knowledge(db: None) -> None:
    """That of the tests is years old, which would alarm in each report."""
    MonitoringPolicy.objects.update(knowledge_days=3650)


def test_a_shift_alarms_within_one_window_and_keeps_the_moment_it_began(
    fill: Fill, django_assert_max_num_queries: Any
) -> None:
    MonitoringPolicy.objects.update(skew_sample=0)
    fill(300, right=0.9)
    fill(200, right=0.9)
    with django_assert_max_num_queries(80):
        stable = checked()
    assert (stable.verdict, stable.n_current, stable.n_reference) == ("ok", 200, 301)
    assert check_of(stable, "drift: findings")["verdict"] == "ok"
    assert check_of(stable, "outcomes: top-1 of everybody")["verdict"] == "ok"

    fill(200, pool=OTHERS, right=0.5)
    moved = checked()
    for name in ("drift: findings", "outcomes: top-1 of everybody"):
        assert check_of(moved, name)["verdict"] == "alarm", name
    assert moved.verdict == "alarm"
    everybody = moved.quality[0]
    assert (everybody["group"], everybody["n"]) == ("everybody", 200)
    assert everybody["top_1"] == pytest.approx(0.5, abs=0.1)
    began = check_of(moved, "drift: findings")["since"]
    assert check_of(checked(), "drift: findings")["since"] == began


def test_what_really_was_predicted_is_computed_the_same_again(
    fill: Fill, case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    for _ in range(3):
        predict_case(actor=actor_of(clinician), case_id=case_of(clinician).pk)
    report = checked()
    for part in ("input", "list"):
        assert check_of(report, f"skew: {part}")["verdict"] == "ok"
    assert report.verdict == "ok"
    assert check_of(report, "drift: ages")["verdict"] == "insufficient_evidence"
    # Here lists were stored with other findings than those that they were made of.
    fill(3)
    assert check_of(checked(), "skew: list")["verdict"] == "alarm"


def test_a_case_counts_once_with_its_outcome_and_restricted_patients_not_at_all(
    active_model: ModelVersion,
    case_of: Callable[..., Case],
    clinician: User,
    actor_of: Callable[[User], Actor],
) -> None:
    actor = actor_of(clinician)
    case, none_of_these, restricted = (case_of(clinician) for _ in range(3))
    first = predict_case(actor=actor, case_id=case.pk)
    last = predict_case(actor=actor, case_id=case.pk)
    record_feedback(actor=actor, prediction_id=first.pk, disease_id=MARFAN)
    other = predict_case(actor=actor, case_id=none_of_these.pk)
    record_feedback(actor=actor, prediction_id=other.pk, disease_id=None)
    predict_case(actor=actor, case_id=restricted.pk)
    hold = hold_of(restricted)
    Hold.objects.filter(pk=hold.pk).update(kind=Hold.Kind.RESTRICTION)
    same = [predict(actor=actor, findings=Findings(("HP:0001166",))) for _ in range(2)]

    ids = newest(model=active_model, n=10, days=None, confirmed=False)
    assert ids == [same[1].pk, same[0].pk, other.pk, last.pk]
    assert newest(model=active_model, n=10, days=1, confirmed=True) == [other.pk, last.pk]
    records = records_of(ids)
    assert [record.id for record in records] == [str(last.pk), str(other.pk), str(same[0].pk)]
    assert records[0].hit(10)
    assert records[1].outcome == NONE_OF_THESE
    assert not records[1].hit(10)
    assert records[0].age_years == pytest.approx(20, abs=0.1)
    assert case.patient.pseudonym not in repr(records)


def test_a_report_and_its_events_name_no_patient_and_no_prediction(fill: Fill) -> None:
    fill(120, right=0.5)
    text = json.dumps([list(MonitoringReport.objects.filter(pk=checked().pk).values())], default=str)
    text += str(list(AuditEvent.objects.filter(action__startswith="monitoring.").values()))
    assert "monitoring.report" in text
    for prediction in Prediction.objects.all():
        assert str(prediction.pk) not in text


def test_the_schedule_checks_a_full_window_once(fill: Fill) -> None:
    def scheduled() -> int:
        schedule_check(now=timezone.now())
        for check in MonitoringCheck.objects.filter(state=JobState.PENDING):
            run_check(check_id=check.pk)
            run_check(check_id=check.pk)  # delivered twice
        return MonitoringReport.objects.count()

    assert scheduled() == 1  # the first one
    fill(200)
    assert scheduled() == 2
    assert scheduled() == 2
    fill(150)
    assert scheduled() == 2
    fill(50)
    assert scheduled() == 3
    schedule_check(now=timezone.now() + timedelta(days=1))
    assert MonitoringCheck.objects.filter(state=JobState.PENDING).count() == 1


def test_a_check_that_failed_says_so_and_the_next_one_is_made(
    fill: Fill,
    monkeypatch: pytest.MonkeyPatch,
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
) -> None:
    def broken(*_arguments: Any, **_named: Any) -> None:
        raise RuntimeError("patient K7-0001")

    with monkeypatch.context() as patched:
        patched.setattr("apps.lifecycle.monitoring.records_of", broken)
        check = request_check(actor=actor_of(user_of("data_scientist")))
        with pytest.raises(Conflict, match="under way"):
            request_check(actor=actor_of(user_of("data_scientist")))
        run_check(check_id=check.pk)
    check.refresh_from_db()
    assert (check.state, check.error) == (JobState.FAILED, "RuntimeError")
    with pytest.raises(Denied):
        request_check(actor=actor_of(user_of("clinician")))
    assert checked().verdict in MonitoringReport.Verdict.values


def test_calls_without_an_answer_are_counted_and_alarm(
    fill: Fill, clinician: User, actor_of: Callable[[User], Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = actor_of(clinician)
    fill(120)

    def no_answer(**_named: Any) -> None:
        raise Unavailable("no model")

    before = timezone.now()
    with pytest.raises(InvalidInput):
        predict(actor=actor, findings=Findings(("HP:9999999",)))
    with monkeypatch.context() as patched:
        patched.setattr(services, "answering_model", no_answer)
        for _ in range(20):
            with pytest.raises(Unavailable):
                predict(actor=actor, findings=Findings(("HP:0001166",)))
    assert calls_between(before, timezone.now()) == calls_in_all() == {REFUSED: 1, FAILED: 20}
    report = checked()
    assert (report.n_refused, report.n_failed) == (1, 20)
    assert check_of(report, "service: errors")["verdict"] == "alarm"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"current_size": 60}, "current_size"),
        ({"outcomes_size": 20, "least_outcomes": 50}, "outcomes_size"),
        ({"alpha": 0.5}, "alpha"),
        ({"p99_ms": 0}, "p99_ms"),
        ({"reference_since": timezone.now() + timedelta(days=1)}, "reference_since"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(values: dict[str, Any], field: str) -> None:
    MonitoringPolicy(number=1).full_clean(validate_unique=False, validate_constraints=False)
    with pytest.raises(ValidationError) as refused:
        MonitoringPolicy(**values).full_clean(validate_unique=False, validate_constraints=False)
    assert set(refused.value.message_dict) == {field}


def test_the_policy_sets_limits_and_windows(fill: Fill) -> None:
    fill(130)
    MonitoringPolicy.objects.update(current_size=60, least_predictions=50, skew_sample=0)
    report = checked()
    assert (report.n_current, report.n_reference) == (60, 71)
    assert check_of(report, "drift: ages")["verdict"] == "ok"
    assert check_of(report, "skew: list")["verdict"] == "insufficient_evidence"
