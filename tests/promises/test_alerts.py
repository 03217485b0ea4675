"""Alerts: what alarms is told by e-mail and webhook, once, again until it worked, and without a patient in it."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.alerts.models import MOST_ATTEMPTS, Alert, Delivery
from apps.alerts.services import deliver_due, raise_alerts
from apps.alerts.tasks import watch
from apps.audit.models import AuditEvent, Outcome, SealerState, Verification
from apps.audit.services import record_event
from apps.cases.emergency import open_emergency
from apps.cases.models import Case
from apps.core.identifiers import uuid7
from apps.core.jobs import JobState

pytestmark = pytest.mark.django_db

KEY = "a key that the receiver knows, too"


class Receiver:
    """A real HTTP server; it answers `status` and keeps (headers, body) of what came."""

    def __init__(self) -> None:
        self.status = 204
        self.received: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((dict(self.headers), body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                """Nothing: the tests' output is not for its lines."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.received]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    made = Receiver()
    settings.ALERT_WEBHOOK, settings.ALERT_WEBHOOK_KEY = made.url, KEY
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(autouse=True)
def quiet(settings: Any) -> None:
    """Mail goes somewhere, limits are low, and the sealer is well."""
    settings.EMAIL_HOST = "mail.example"
    settings.ALERT_DENIALS, settings.ALERT_PATIENTS = 5, 6
    SealerState.objects.update_or_create(number=1, defaults={"looked_at": timezone.now(), "error": ""})


@pytest.fixture
def officer(user_of: Callable[..., User]) -> User:
    made = user_of(Role.PRIVACY_OFFICER)
    made.email = "officer@example.org"
    made.save()
    return made


@pytest.fixture
def opened(
    officer: User, clinician: User, user_of: Callable[..., User], case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
) -> Case:  # fmt: skip
    """A case that the clinician opened in an emergency."""
    case = case_of(user_of(Role.CLINICIAN))
    open_emergency(
        actor=actor_of(clinician), patient=case.patient.pseudonym, reason="Canary Miller is unconscious"
    )
    return case


def alerts_of(kind: str) -> list[Alert]:
    return list(Alert.objects.filter(kind=kind))


def test_the_privacy_officer_is_told_of_an_emergency(
    receiver: Receiver, opened: Case, officer: User, clinician: User, settings: Any
) -> None:
    for _time in range(3):
        watch()
    [alert] = alerts_of("emergency")
    event = AuditEvent.objects.get(action="emergency.open")
    assert (alert.event_id, alert.account_id) == (event.id, clinician.pk)
    [letter] = mail.outbox
    assert letter.recipients() == [officer.email]
    [body] = receiver.bodies()
    assert body["id"] == str(alert.pk)
    assert body["event"] == str(event.id)
    [entry] = [row for row in settings.CELERY_BEAT_SCHEDULE.values() if row["task"] == "alerts.watch"]
    seconds = (max(row.delivered_at for row in alert.deliveries.all()) - event.occurred_at).total_seconds()
    assert seconds + entry["schedule"] < 60
    print(
        f"told by e-mail and webhook {seconds:.1f} s after the opening, at most {entry['schedule']:.0f} s later for "
        "the schedule; 3 rounds of the watch: 1 e-mail, 1 post"
    )


def test_nothing_of_the_patient_leaves(receiver: Receiver, opened: Case) -> None:
    watch()
    [(headers, body)] = receiver.received
    sent = body.decode() + str(headers) + mail.outbox[0].message().as_string()
    for secret in (opened.patient.pseudonym, str(opened.patient_id), str(opened.pk), "Canary"):
        assert secret not in sent
    signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hoofbeat-Signature"] == f"sha256={signature}"
    assert headers["Idempotency-Key"] == json.loads(body)["id"]


def test_what_fails_is_tried_again_until_it_worked_and_then_never(receiver: Receiver, opened: Case) -> None:
    receiver.status = 500
    now = timezone.now()
    raise_alerts(organisation_id=opened.organisation_id, now=now)
    waited, statuses = timedelta(), [500, 500, 204, 204]
    for status in statuses:
        receiver.status = status
        deliver_due(now=now + waited)
        deliver_due(now=now + waited)  # not due again so soon
        waited += timedelta(minutes=2)
    assert len(receiver.received) == 3
    assert len({body["id"] for body in receiver.bodies()}) == 1
    row = Delivery.objects.get(channel="webhook")
    assert (row.attempts, row.error) == (3, "")
    events = AuditEvent.objects.filter(action="alert.deliver").order_by("sequence")
    outcomes = [event.outcome for event in events if event.details["channel"] == "webhook"]
    assert outcomes == [Outcome.FAILED, Outcome.FAILED, Outcome.OK]
    assert len(mail.outbox) == 1
    print("answers 500, 500, 204: 3 posts of one alert, 3 events, none afterwards; the e-mail went once")


def test_a_receiver_that_is_gone_keeps_nothing_else_waiting(
    receiver: Receiver, opened: Case, settings: Any
) -> None:
    settings.ALERT_WEBHOOK = "http://127.0.0.1:9/"
    watch()
    assert len(mail.outbox) == 1
    assert Delivery.objects.get(channel="webhook").error == "URLError"


def test_a_receiver_that_stays_gone_is_given_up_and_the_page_says_so(
    receiver: Receiver, opened: Case, page: Callable[..., Client], user_of: Callable[..., User]
) -> None:
    receiver.status = 500
    raise_alerts(organisation_id=opened.organisation_id, now=timezone.now())
    begun = now = timezone.now()
    for _try in range(100):
        now += timedelta(hours=1)
        deliver_due(now=now)
    tried = len(receiver.received)
    webhook = Delivery.objects.get(channel="webhook", alert__kind="emergency")
    assert (webhook.attempts, webhook.is_given_up, tried) == (MOST_ATTEMPTS, True, MOST_ATTEMPTS)
    officer = user_of(Role.PRIVACY_OFFICER, opened.organisation)
    assert f"given up after {MOST_ATTEMPTS} attempts" in page(officer).get("/alerts/").content.decode()
    print(f"{tried} attempts in {(webhook.due_at - begun).total_seconds() / 3600:.0f} h, then none in 68")


def test_repeated_denials(
    receiver: Receiver, page: Callable[..., Client], clinician: User, officer: User
) -> None:
    browser = page(clinician)
    for number in range(7):
        if number == 4:
            watch()
            assert alerts_of("denials") == []
        assert browser.get(f"/cases/{uuid7()}/").status_code == 404
        if number >= 4:
            watch()
    [alert] = alerts_of("denials")
    assert (alert.account_id, alert.n, alert.organisation_id) == (clinician.pk, 5, clinician.organisation_id)
    assert len(receiver.received) == len(mail.outbox) == 1
    print("7 denials, limit 5: 1 alert, at the fifth")


def test_mass_reading(
    receiver: Receiver, api: Callable[..., Any], clinician: User, officer: User, case_of: Callable[..., Case]
) -> None:
    cases = [case_of(clinician, present=(), absent=()) for _ in range(6)]
    watch()  # entering six is reading none
    program = api(clinician)
    for case in cases[:5] * 2:
        program.get(f"/api/v1/cases/{case.pk}/")
    watch()
    assert alerts_of("reading") == []
    program.get("/api/v1/cases/")
    watch()
    [alert] = alerts_of("reading")
    assert (alert.account_id, alert.n) == (clinician.pk, 6)
    print("5 patients read 10 times: no alert; the sixth: 1 alert")


def test_what_is_long_ago_alarms_nobody(
    organisation: Organisation, clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    for _ in range(9):
        record_event(actor=actor_of(clinician), action="case.read", outcome=Outcome.DENIED)
    later = timezone.now() + timedelta(minutes=11)
    SealerState.objects.update(looked_at=later)
    assert raise_alerts(organisation_id=organisation.pk, now=later) == 0
    assert raise_alerts(organisation_id=organisation.pk, now=timezone.now()) == 1


@pytest.mark.parametrize(
    "state", [{"error": "The anchor fails"}, {"looked_at": timezone.now() - timedelta(minutes=5)}]
)
def test_sealing_that_fails(receiver: Receiver, user_of: Callable[..., User], state: dict[str, Any]) -> None:
    administrator = user_of(Role.ADMINISTRATOR)
    administrator.email = "operations@example.org"
    administrator.save()
    SealerState.objects.update(**state)
    watch()
    watch()
    [alert] = alerts_of("sealing")
    assert alert.organisation_id == administrator.organisation_id
    assert [letter.recipients() for letter in mail.outbox] == [["operations@example.org"]]
    assert [body["kind"] for body in receiver.bodies()] == ["sealing"]


def test_a_trail_that_was_changed(receiver: Receiver, user_of: Callable[..., User]) -> None:
    auditor = user_of(Role.AUDITOR)
    auditor.email = "auditor@example.org"
    auditor.save()
    Verification.objects.create(state=JobState.SUCCEEDED, result={"n_findings": 2})
    Verification.objects.create(state=JobState.FAILED, error="The anchor cannot be read")
    watch()
    watch()
    [alert] = alerts_of("integrity")
    assert alert.n == 2
    assert [letter.recipients() for letter in mail.outbox] == [["auditor@example.org"]]
    assert [(body["kind"], body["n"]) for body in receiver.bodies()] == [("integrity", 2)]
    Verification.objects.create(state=JobState.SUCCEEDED, result={"n_findings": 0})
    later = timezone.now() + timedelta(days=1)
    SealerState.objects.update(looked_at=later)
    assert raise_alerts(organisation_id=alert.organisation_id, now=later) == 0


def test_each_organisation_hears_of_its_own(
    opened: Case, other_organisation: Organisation, user_of: Callable[..., User], page: Callable[..., Client],
    officer: User,
) -> None:  # fmt: skip
    stranger = user_of(Role.PRIVACY_OFFICER, other_organisation)
    stranger.email = "stranger@example.org"
    stranger.save()
    watch()
    assert [letter.recipients() for letter in mail.outbox] == [[officer.email]]
    assert '/cases/emergency/review/">' in page(officer).get("/alerts/").content.decode()
    assert Alert.objects.count() == 1
    answer = page(stranger).get("/alerts/")
    assert "No alert so far." in answer.content.decode()


def test_each_alert_is_itself_an_event(opened: Case) -> None:
    watch()
    [event] = AuditEvent.objects.filter(action="alert.raise")
    [alert] = Alert.objects.all()
    assert (event.object_ids, event.organisation_id) == ([alert.pk], opened.organisation_id)
    assert event.patient_ids == []


def test_what_fails_in_one_organisation_keeps_no_other_from_being_warned(
    opened: Case,
    other_organisation: Organisation,
    officer: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried: list[UUID] = []

    def raise_alerts_of_all_but_one(*, organisation_id: UUID, now: datetime) -> int:
        tried.append(organisation_id)
        if organisation_id == other_organisation.pk:
            raise OperationalError("the database is gone")
        return raise_alerts(organisation_id=organisation_id, now=now)

    monkeypatch.setattr("apps.alerts.tasks.raise_alerts", raise_alerts_of_all_but_one)
    watch()
    assert set(tried) == {opened.organisation_id, other_organisation.pk}
    assert [letter.recipients() for letter in mail.outbox] == [[officer.email]]
    assert str(other_organisation.pk) in caplog.text
