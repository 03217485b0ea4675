"""The dashboard, the policy in the administration, the figures for Prometheus, and who is told of an alarm."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.alerts.models import Alert
from apps.alerts.tasks import watch
from apps.audit.models import AuditEvent, SealerState
from apps.lifecycle import metrics
from apps.lifecycle.models import MonitoringCheck, MonitoringPolicy, MonitoringReport
from apps.predictions.models import Prediction
from apps.registry.models import ModelVersion
from tests.lifecycle.watching import OTHERS, Fill, checked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

TOKEN = "a token that only Prometheus has"


@pytest.fixture(autouse=True)
def young_knowledge(db: None) -> None:
    MonitoringPolicy.objects.update(knowledge_days=3650, skew_sample=0)


@pytest.fixture
def moved(fill: Fill) -> list[MonitoringReport]:
    """A report of a stable window and one of other patients."""
    fill(120, right=0.9)
    fill(200, right=0.9)
    stable = checked()
    fill(200, pool=OTHERS, right=0.9)
    return [stable, checked()]


@pytest.fixture
def scientist(user_of: Callable[..., User]) -> User:
    made = user_of(Role.DATA_SCIENTIST)
    made.email = "scientist@example.org"
    made.save()
    return made


def test_the_dashboard_says_how_the_model_does_and_how_it_did(
    moved: list[MonitoringReport], scientist: User, page: Callable[..., Client], organisation: Organisation
) -> None:
    browser = page(scientist)
    text = browser.get(reverse("lifecycle:monitoring")).content.decode()
    for expected in (
        "alarm",
        "Findings",
        organisation.name,
        "too little evidence",
        'role="img"',
        "Threshold:",
    ):
        assert expected in text
    assert re.search(r"\d+ checks? alarms?\.", text)
    earlier = browser.get(reverse("lifecycle:report", args=[moved[0].pk])).content.decode()
    assert "Nothing alarms." in earlier
    table = b"".join(browser.get(reverse("lifecycle:monitoring-export"))).decode()
    assert table.count("drift: findings") == 2
    for prediction in Prediction.objects.all()[:5]:
        assert str(prediction.pk) not in text + earlier + table
    spanish = browser.get(reverse("lifecycle:monitoring"), headers={"Accept-Language": "es"}).content.decode()
    assert "Hallazgos" in spanish


def test_before_the_first_report_the_page_says_what_will_be(
    scientist: User, page: Callable[..., Client]
) -> None:
    assert "No report was made yet." in page(scientist).get(reverse("lifecycle:monitoring")).content.decode()


def test_somebody_who_may_train_checks_now(
    fill: Fill, scientist: User, page: Callable[..., Client], eager_celery: None,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    browser = page(scientist)
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post(reverse("lifecycle:check")).status_code == 302
    assert MonitoringReport.objects.get().requested_by_id == scientist.pk
    MonitoringCheck.objects.create()
    assert browser.post(reverse("lifecycle:check")).status_code == 409
    assert "A check is under way" in browser.get(reverse("lifecycle:monitoring")).content.decode()


def test_an_administrator_changes_the_policy_and_it_is_recorded(
    user_of: Callable[..., User], page: Callable[..., Client]
) -> None:
    browser = page(user_of(Role.ADMINISTRATOR))
    address = reverse("admin:lifecycle_monitoringpolicy_change", args=[1])
    form = browser.get(address).context["adminform"].form
    values = {name: "" if value is None else value for name, value in form.initial.items()}
    values = {name: value for name, value in values.items() if value is not False}
    refused = browser.post(address, values | {"current_size": 60})
    assert refused.status_code == 200
    assert "A window of 60 never has the 100" in refused.content.decode()
    assert browser.post(address, values | {"cool_down_days": 30}).status_code == 302
    assert MonitoringPolicy.objects.get().cool_down_days == 30
    event = AuditEvent.objects.get(action="monitoring.policy")
    assert event.details == {"changed": {"cool_down_days": ["7", "30"]}}


def scraped(client: Client, token: str) -> Any:
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_prometheus_gets_figures_with_its_token_alone(
    moved: list[MonitoringReport],
    organisation: Organisation,
    active_model: ModelVersion,
    fill: Fill,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Client()
    assert scraped(client, TOKEN).status_code == 404
    settings.METRICS_TOKEN = TOKEN
    for wrong in ("", "another"):
        assert scraped(client, wrong).status_code == 401
    monkeypatch.setattr(metrics, "_SETTLED", timedelta(seconds=-1))
    assert scraped(client, TOKEN).status_code == 200
    cache.set("calls:failed:total", 3)
    monkeypatch.setattr(metrics, "_SETTLED", timedelta(seconds=-60))
    rows = fill(7)
    text = scraped(client, TOKEN).content.decode()
    for line in (
        'hoofbeat_prediction_requests_total{outcome="answered"}',
        'hoofbeat_prediction_requests_total{outcome="failed"} 3.0',
        'hoofbeat_prediction_latency_seconds_bucket{le="+Inf"}',
        f"hoofbeat_active_model {float(active_model.number)}",
        'hoofbeat_monitoring_verdict{verdict="alarm"} 1.0',
        'hoofbeat_check_alarm{check="drift: findings"} 1.0',
        "hoofbeat_audit_unsealed_events",
        'hoofbeat_jobs{kind="check",state="succeeded"} 2.0',
        "hoofbeat_knowledge_age_seconds",
    ):
        assert line in text, line
    for secret in (organisation.name, str(organisation.pk), str(rows[0].pk), "HP:"):
        assert secret not in text


def test_what_was_predicted_is_counted_once(
    fill: Fill, settings: Any, monkeypatch: pytest.MonkeyPatch, active_model: ModelVersion
) -> None:
    settings.METRICS_TOKEN = TOKEN

    def counted(seconds: int) -> float:
        monkeypatch.setattr(metrics, "_SETTLED", timedelta(seconds=-seconds))
        text = scraped(Client(), TOKEN).content.decode()
        found = re.search(rf'hoofbeat_predictions_total{{model="{active_model.number}"}} (\S+)', text)
        return float(found.group(1)) if found else 0.0

    assert counted(-60) == 0
    fill(7)
    # the fixture's own one, too, which was made after the moment at which counting began
    assert counted(1) == counted(2) == 8


def test_an_alarm_is_told_once_to_those_who_answer_for_models(
    moved: list[MonitoringReport], scientist: User, user_of: Callable[..., User], settings: Any, fill: Fill
) -> None:
    settings.EMAIL_HOST = "mail.example"
    SealerState.objects.update_or_create(number=1, defaults={"looked_at": timezone.now(), "error": ""})
    officer = user_of(Role.PRIVACY_OFFICER)
    officer.email = "officer@example.org"
    officer.save()
    watch()
    checked()  # it goes on
    watch()
    alarms = [check["name"] for check in moved[1].checks if check["verdict"] == "alarm"]
    alerts = list(Alert.objects.filter(kind="monitoring"))
    assert sorted(alert.subject.partition(" since ")[0] for alert in alerts) == sorted(alarms)
    assert len(mail.outbox) == len(alarms)
    assert {address for letter in mail.outbox for address in letter.recipients()} == {scientist.email}
    assert not any(alert.resolved_at for alert in alerts)

    MonitoringPolicy.objects.update(least_shift=1.0, least_share=1.0)
    assert checked().verdict == "ok"
    watch()
    assert all(alert.resolved_at for alert in Alert.objects.filter(kind="monitoring"))
    MonitoringPolicy.objects.update(least_shift=0.1, least_share=0.05, tells_by_email=False)
    checked()
    watch()
    assert Alert.objects.filter(kind="monitoring").count() == 2 * len(alarms)
    assert len(mail.outbox) == len(alarms)
