"""Dangerous acts ask again when the last proof is older than five minutes, and lead back afterwards."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts import sessions
from apps.accounts.models import ApiToken, User
from apps.audit.models import AuditEvent
from tests.conftest import PASSWORD
from tests.promises.test_sessions_end import Clock

pytestmark = pytest.mark.django_db

CONFIRM = "/account/confirm/"
ARCHIVE = "/retention/access-reports/00000000-0000-7000-8000-000000000000/archives/"
DECIDE = "/models/proposals/00000000-0000-7000-8000-000000000000/decide/"
ERASE = "/retention/erasures/patients/00000000-0000-7000-8000-000000000000/"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(1_800_000_000)
    monkeypatch.setattr(sessions, "time", made)
    return made


def acts(colleague: User) -> dict[str, list[tuple[str, str, str]]]:
    """Role -> (method, address, where the confirmation leads back to) of each dangerous act."""
    account = reverse("admin:accounts_user_change", args=[colleague.pk])
    password = reverse("admin:auth_user_password_change", args=[colleague.pk])
    return {
        "clinician": [
            ("POST", "/account/", "/account/"),
            ("GET", "/account/password/", "/account/password/"),
            ("POST", "/account/password/", "/account/"),
            ("GET", "/account/factors/app/", "/account/factors/app/"),
            ("POST", "/account/factors/app/", "/account/"),
            ("GET", "/account/factors/passkey/", "/account/factors/passkey/"),
            ("POST", "/account/factors/recovery-codes/", "/account/"),
            ("POST", "/account/factors/1/remove/", "/account/"),
        ],
        "privacy_officer": [
            ("GET", "/retention/delete/", "/retention/delete/"),
            ("POST", "/retention/delete/", "/account/"),
            ("POST", ARCHIVE, "/account/"),
            ("GET", ERASE, ERASE),
            ("POST", ERASE, "/account/"),
        ],
        "data_scientist": [
            ("GET", "/models/1/propose/", "/models/1/propose/"),
            ("POST", "/models/1/propose/", "/account/"),
            ("POST", DECIDE, "/account/"),
            ("POST", "/models/releases/roll-back/", "/account/"),
            ("POST", "/models/releases/end-canary/", "/account/"),
            ("POST", "/models/releases/stop/", "/account/"),
            ("GET", "/models/releases/resume/", "/models/releases/resume/"),
        ],
        "administrator": [
            ("GET", account, account),
            ("POST", account, "/account/"),
            ("POST", password, "/account/"),
            ("POST", reverse("admin:accounts_user_changelist"), "/account/"),
            ("GET", reverse("admin:auth_group_add"), reverse("admin:auth_group_add")),
        ],
    }


def test_after_five_minutes_each_act_asks_again(
    clock: Clock, page: Callable[..., Client], user_of: Callable[..., User]
) -> None:
    asked, silent = 0, []
    for role, tries in acts(user_of()).items():
        user = user_of(role)
        browser = page(user)
        clock.now += 299
        answers = [
            getattr(browser, method.lower())(address, headers={"Referer": "http://testserver/account/"})
            for method, address, _back in tries
        ]
        assert not any(getattr(answer, "url", "").startswith(CONFIRM) for answer in answers)
        clock.now += 1
        for method, address, back in tries:
            answer = getattr(browser, method.lower())(
                address, headers={"Referer": "http://testserver/account/"}
            )
            if answer.status_code == 302 and answer.url == f"{CONFIRM}?next={back}":
                asked += 1
            else:
                silent.append((role, method, address, answer.status_code))
    print(f"{asked} acts ask after 300 s, none after 299 s")
    assert not silent


def test_the_password_confirms_and_leads_back(
    clock: Clock, page: Callable[..., Client], clinician: User
) -> None:
    browser = page(clinician)
    clock.now += 600
    assert "Confirm that it is you" in browser.get("/account/").content.decode()
    assert browser.post("/account/", {"name": "x", "days": "30"}).url.startswith(CONFIRM)
    assert not ApiToken.objects.filter(user=clinician).exists()
    assert browser.post(CONFIRM, {"password": "wrong", "next": "/account/"}).status_code == 422
    assert browser.post(CONFIRM, {"password": PASSWORD, "next": "/account/"}).url == "/account/"
    issued = browser.post("/account/", {"name": "x", "days": "30", "scopes": ["case.read"]})
    assert issued.status_code == 200
    assert ApiToken.objects.filter(user=clinician).exists()
    events = AuditEvent.objects.filter(action="account.confirm").order_by("sequence")
    assert [event.outcome for event in events] == ["failed", "ok"]


def test_it_leads_nowhere_else(clock: Clock, page: Callable[..., Client], clinician: User) -> None:
    answer = page(clinician).post(CONFIRM, {"password": PASSWORD, "next": "https://evil.example/"})
    assert answer.url == "/"


def test_guessing_locks(clock: Clock, page: Callable[..., Client], clinician: User) -> None:
    browser = page(clinician)
    statuses = [browser.post(CONFIRM, {"password": "wrong"}).status_code for _ in range(6)]
    assert statuses == [422] * 4 + [429] * 2
    assert browser.post(CONFIRM, {"password": PASSWORD}).status_code == 429
    assert browser.get("/cases/").status_code == 200  # what is open stays open


def test_reading_never_asks(clock: Clock, page: Callable[..., Client], user_of: Callable[..., User]) -> None:
    browser = page(user_of("privacy_officer"))
    clock.now += 840
    assert browser.get("/retention/").status_code == 200
