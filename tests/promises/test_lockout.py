"""Guessing passwords ends after five attempts, the same for accounts that exist and names that nobody has."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.models import AuditEvent, Outcome
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SIGN_IN = "/account/sign-in/"
TYPED = "my-password-in-the-wrong-field"


def tried(username: str, password: str = "wrong", address: str = "192.0.2.1") -> int:
    return (
        Client().post(SIGN_IN, {"username": username, "password": password}, REMOTE_ADDR=address).status_code
    )


def test_the_fifth_failure_locks_and_the_right_password_does_not_open(clinician: User) -> None:
    known = [tried(clinician.username) for _ in range(6)]
    unknown = [tried(TYPED) for _ in range(6)]
    print(f"an account: {known}, a name that nobody has: {unknown}")
    assert known == unknown == [422, 422, 422, 422, 429, 429]
    assert tried(clinician.username, PASSWORD) == 429
    assert tried(clinician.username, PASSWORD, "192.0.2.2") == 302  # the owner, at his own desk


def test_the_pages_are_alike(clinician: User) -> None:
    for name in (clinician.username, TYPED):
        for _ in range(5):
            tried(name)
    pages = [
        re.sub(
            r'value="[^"]*"', "", Client().post(SIGN_IN, {"username": name, "password": "x"}).content.decode()
        )
        for name in (clinician.username, TYPED)
    ]
    assert pages[0] == pages[1]
    answer = Client().post(SIGN_IN, {"username": TYPED, "password": "x"}, REMOTE_ADDR="192.0.2.1")
    assert "Wait 15 minutes" in answer.content.decode()


def test_nothing_that_was_typed_is_kept(clinician: User) -> None:
    for _ in range(6):
        tried(TYPED, TYPED)
        tried(clinician.username, TYPED)
    kept = str(list(AccessAttempt.objects.values())) + str(list(AuditEvent.objects.values()))
    print(f"{len(kept)} characters kept, {kept.count(TYPED)} times what was typed")
    assert TYPED not in kept
    assert clinician.username not in kept


def test_each_attempt_leaves_one_event_for_the_auditor_of_the_account(clinician: User) -> None:
    for _ in range(6):
        tried(clinician.username)
    events = AuditEvent.objects.filter(action="account.sign_in", organisation_id=clinician.organisation_id)
    assert [event.outcome for event in events.order_by("sequence")] == [Outcome.FAILED] * 4 + [
        Outcome.DENIED
    ] * 2
    assert all(event.object_ids == [clinician.pk] and event.actor_id is None for event in events)


def test_it_opens_again_after_a_while(clinician: User) -> None:
    for _ in range(5):
        tried(clinician.username)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14, seconds=50))
    assert tried(clinician.username, PASSWORD) == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert tried(clinician.username, PASSWORD) == 302


def test_guessing_from_many_addresses_ends_as_well(clinician: User) -> None:
    statuses = [tried(clinician.username, address=f"192.0.2.{number}") for number in range(60)]
    print(f"from 60 addresses: locked after {statuses.index(429) + 1} attempts")
    assert statuses.index(429) + 1 == 50
    assert tried(clinician.username, PASSWORD, "198.51.100.1") == 429


def test_an_administrator_unlocks_his_own_people_only(
    clinician: User, user_of: Callable[..., User], other_organisation: object, page: Callable[..., Client]
) -> None:
    stranger = user_of("clinician", organisation=other_organisation)
    for _ in range(5):
        tried(clinician.username)
        tried(stranger.username)
    page(user_of("administrator")).post(
        reverse("admin:accounts_user_changelist"),
        {"action": "unlock", "_selected_action": [str(clinician.pk), str(stranger.pk)]},
    )
    assert tried(clinician.username, PASSWORD) == 302
    assert tried(stranger.username, PASSWORD) == 429
    event = AuditEvent.objects.get(action="account.unlock")
    assert event.object_ids == [clinician.pk]
