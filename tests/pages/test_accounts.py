"""Signing in and out, tokens, passwords; and what a page does for somebody who is not signed in."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import ApiToken, User
from apps.audit.models import AuditEvent, Outcome
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SIGN_IN = "/account/sign-in/"


def test_signing_in_leads_on_and_leaves_an_event(page: Callable[..., Client], clinician: User) -> None:
    answer = page().post(f"{SIGN_IN}?next=/history/", {"username": clinician.username, "password": PASSWORD})
    assert answer.url == "/history/"
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.outcome, event.actor_id) == ("account.sign_in", Outcome.OK, clinician.pk)
    assert event.organisation_id == clinician.organisation_id


def test_a_failed_sign_in_does_not_tell_whether_there_is_an_account_but_its_auditor_sees_it(
    page: Callable[..., Client], clinician: User
) -> None:
    known = page().post(SIGN_IN, {"username": clinician.username, "password": "wrong"})
    unknown = page().post(SIGN_IN, {"username": "nobody", "password": "wrong"})
    assert known.status_code == unknown.status_code == 422
    alerts = [
        re.search(r'role="alert" tabindex.*?</div>', a.content.decode(), re.S) for a in (known, unknown)
    ]
    assert alerts[0]
    assert alerts[1]
    assert alerts[0][0] == alerts[1][0]
    events = AuditEvent.objects.filter(action="account.sign_in").order_by("sequence")
    assert {(event.outcome, event.actor_id) for event in events} == {(Outcome.FAILED, None)}
    assert [event.object_ids for event in events] == [[clinician.pk], []]
    assert [event.organisation_id for event in events] == [clinician.organisation_id, None]
    assert [event.details for event in events] == [{}, {}]


def test_nobody_signs_in_when_it_cannot_be_recorded(
    page: Callable[..., Client], clinician: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import DatabaseError

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("the trail is full")

    browser = page()
    monkeypatch.setattr(AuditEvent, "save", refuse)
    answer = browser.post(SIGN_IN, {"username": clinician.username, "password": PASSWORD})
    assert answer.status_code == 503
    monkeypatch.undo()
    assert browser.get("/cases/").status_code == 302


def test_an_address_elsewhere_is_not_followed(page: Callable[..., Client], clinician: User) -> None:
    sign_in = {"username": clinician.username, "password": PASSWORD, "next": "https://evil.example/"}
    assert page().post(SIGN_IN, sign_in).url == "/"


def test_signing_out_is_a_post_with_an_event(page: Callable[..., Client], clinician: User) -> None:
    browser = page(clinician)
    assert browser.get("/account/sign-out/").status_code == 405
    assert browser.post("/account/sign-out/").url == SIGN_IN
    assert AuditEvent.objects.latest("sequence").action == "account.sign_out"
    assert browser.get("/cases/").status_code == 302


def test_a_token_is_shown_once_works_and_can_be_revoked(
    page: Callable[..., Client], api: Callable[..., Any], clinician: User
) -> None:
    browser = page(clinician)
    text = browser.post(
        "/account/", {"name": "laboratory", "days": "30", "scopes": ["case.read"]}
    ).content.decode()
    found = re.search(r'id="secret"[^>]*value="([0-9a-f]{64})"', text)
    assert found
    secret = found[1]
    assert secret not in browser.get("/account/").content.decode()
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    assert client.get("/api/v1/cases/").status_code == 200
    token = ApiToken.objects.get(user=clinician)
    url = reverse("accounts:revoke-token", args=[token.public_id])
    assert "laboratory" in browser.get(url).content.decode()
    assert ApiToken.objects.filter(pk=token.pk).exists()
    assert browser.post(url, follow=True).status_code == 200
    assert client.get("/api/v1/cases/").status_code == 401


@pytest.mark.parametrize(
    "values",
    [
        {"name": "", "days": "30", "scopes": ["case.read"]},
        {"name": "x", "days": "99999", "scopes": ["case.read"]},
        {"name": "x" * 81, "days": "30", "scopes": ["case.read"]},
        {"name": "x", "days": "30"},
        {"name": "x", "days": "30", "scopes": ["admin.access"]},
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    page: Callable[..., Client], clinician: User, values: dict[str, str]
) -> None:
    assert page(clinician).post("/account/", values).status_code == 422
    assert not ApiToken.objects.filter(user=clinician).exists()


def test_a_colleagues_token_is_not_found(page: Callable[..., Client], user_of: Any, token_of: Any) -> None:
    token, _secret = token_of(user_of())
    stranger = page(user_of())
    url = reverse("accounts:revoke-token", args=[token.public_id])
    assert stranger.get(url).status_code == 404
    assert stranger.post(url).status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_the_password_can_be_changed_and_keeps_one_signed_in(
    page: Callable[..., Client], clinician: User
) -> None:
    browser = page(clinician)
    new = "another-long-and-good-one"
    values = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    assert browser.post("/account/password/", values).status_code == 422
    assert browser.post("/account/password/", values | {"old_password": PASSWORD}).url == "/account/"
    assert browser.get("/account/").status_code == 200
    assert AuditEvent.objects.filter(action="account.password", actor_id=clinician.pk).count() == 1
    clinician.refresh_from_db()
    assert clinician.check_password(new)


def test_a_short_password_is_refused(page: Callable[..., Client], clinician: User) -> None:
    values = {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"}
    answer = page(clinician).post("/account/password/", values)
    assert answer.status_code == 422
    assert "12" in answer.content.decode()


def test_a_page_without_a_session_leads_to_the_form_and_back(page: Callable[..., Client]) -> None:
    assert page().get("/cases/?q=K7").url == "/account/sign-in/?next=/cases/%3Fq%3DK7"


def test_a_fragment_without_a_session_leads_the_whole_page_to_the_form(page: Callable[..., Client]) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/history/?q=1"}
    answer = page().get("/knowledge/terms/?q=ara", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/account/sign-in/?next=%2Fhistory%2F%3Fq%3D1"


def test_a_form_without_a_session_leads_back_to_the_page_that_it_stood_on(
    page: Callable[..., Client],
) -> None:
    answer = page().post("/account/sign-out/", headers={"Referer": "http://testserver/account/"})
    assert answer.url == "/account/sign-in/?next=/account/"
    elsewhere = page().post("/account/sign-out/", headers={"Referer": "https://evil.example/x"})
    assert elsewhere.url == "/account/sign-in/?next=/"


def test_pages_are_kept_in_no_cache(page: Callable[..., Client], clinician: User) -> None:
    assert "no-store" in page(clinician).get("/account/").headers["Cache-Control"]


def test_an_old_form_gets_an_explanation(clinician: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(clinician, backend="django.contrib.auth.backends.ModelBackend")
    answer = browser.post("/account/", {"name": "x", "days": "30"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()


def test_the_language_is_chosen_and_stays(page: Callable[..., Client], clinician: User) -> None:
    browser = page(clinician)
    assert browser.post("/language/", {"language": "es", "next": "/account/"}).url == "/account/"
    text = browser.get("/account/").content.decode()
    assert '<html lang="es">' in text
    assert "Mi cuenta" in text
    assert "clínico" in text
