"""A session ends after 15 minutes without a request and 12 hours in all; the page says so and leads back."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts import sessions
from apps.accounts.models import User
from apps.audit.models import AuditEvent

pytestmark = pytest.mark.django_db


class Clock:
    """The time that sessions are measured by."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(1_800_000_000)
    monkeypatch.setattr(sessions, "time", made)
    return made


def test_after_15_minutes_without_a_request(
    clock: Clock, page: Callable[..., Client], clinician: User
) -> None:
    assert timedelta(minutes=15) == settings.SESSION_IDLE_LIMIT
    browser = page(clinician)
    clock.now += 15 * 60 - 1
    assert browser.get("/cases/").status_code == 200
    clock.now += 15 * 60 - 1
    assert browser.get("/cases/").status_code == 200
    clock.now += 15 * 60
    answer = browser.get("/cases/?q=K7", follow=True)
    assert answer.redirect_chain == [("/account/sign-in/?next=/cases/%3Fq%3DK7", 302)]
    assert "because nothing happened for 15 minutes" in answer.content.decode()
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_id, event.details) == ("account.end", clinician.pk, {"why": "idle"})
    assert browser.get("/cases/").status_code == 302
    print("idle 899 s: open, 900 s: signed out, 1 event, leads back")


def test_after_12_hours_of_work(clock: Clock, page: Callable[..., Client], clinician: User) -> None:
    browser = page(clinician)
    began = clock.now
    while browser.get("/cases/").status_code == 200:
        clock.now += 600
    hours = (clock.now - began) / 3600
    print(f"busy all the time: signed out after {hours:g} h")
    assert hours == settings.SESSION_LIMIT.total_seconds() / 3600 == 12


def test_what_a_page_asks_by_itself_is_no_sign_of_a_person(
    clock: Clock, page: Callable[..., Client], clinician: User
) -> None:
    browser = page(clinician)
    polling = {"X-Unattended": "1", "HX-Request": "true", "HX-Current-URL": "http://testserver/models/"}
    statuses = []
    for _ in range(20):
        clock.now += 60
        statuses.append(browser.get("/models/monitoring/state/", headers=polling).status_code)
    assert statuses == [200] * 14 + [204] * 6  # 204 leads the whole page to the sign-in


def test_typing_keeps_it_open(clock: Clock, page: Callable[..., Client], clinician: User) -> None:
    browser = page(clinician)
    for _ in range(20):
        clock.now += 61
        assert browser.get("/account/awake/").status_code == 204
    assert browser.get("/cases/").status_code == 200


def test_a_fragment_leads_the_whole_page_to_the_sign_in_and_says_why(
    clock: Clock, page: Callable[..., Client], clinician: User
) -> None:
    browser = page(clinician)
    clock.now += 3600
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/cases/"}
    answer = browser.get("/knowledge/terms/?q=ara", headers=headers)
    assert answer.headers["HX-Redirect"] == "/account/sign-in/?next=%2Fcases%2F"
    assert "nothing happened" in browser.get(answer.headers["HX-Redirect"]).content.decode()


def test_a_busy_page_costs_a_write_once_a_minute(
    clock: Clock,
    page: Callable[..., Client],
    clinician: User,
    django_assert_num_queries: Callable[[int], object],
) -> None:
    browser = page(clinician)
    with django_assert_num_queries(3):  # session, account, roles
        browser.get("/account/awake/")
    clock.now += 60
    with django_assert_num_queries(6):  # and a write in a transaction
        browser.get("/account/awake/")
    with django_assert_num_queries(3):
        browser.get("/account/awake/")
