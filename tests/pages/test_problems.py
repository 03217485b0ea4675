"""Errors as people meet them: what happened, what was kept, what to do; as a page, and as a part of one."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.registry import running
from apps.registry.selectors import Release

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


def test_404_tells_nothing_but_what_to_do(browser: Client) -> None:
    for address in ("/nowhere/", "/cases/0190f0c2-0000-7000-8000-000000000000/", "/audit/"):
        answer = browser.get(address)
        text = answer.content.decode()
        assert answer.status_code == 404, address
        assert "There is nothing here that you may see" in text
        assert "Ask a member of the care team" in text


def test_a_part_of_a_page_gets_a_part(browser: Client) -> None:
    answer = browser.get("/cases/0190f0c2-0000-7000-8000-000000000000/", headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 404
    assert "<html" not in text
    assert 'data-problem="404"' in text


def test_413_for_a_body_that_is_too_large(browser: Client) -> None:
    answer = browser.post("/cases/new/", {"pseudonym": "x" * 1_100_000})
    assert answer.status_code == 413
    assert "Send less at once." in answer.content.decode()


def test_a_cursor_that_is_none_is_said(browser: Client) -> None:
    answer = browser.get("/history/?before=nonsense")
    assert answer.status_code == 422
    assert "go back to its beginning" in answer.content.decode()


def test_503_when_the_trail_cannot_be_written(
    browser: Client, case_of: Any, clinician: User, monkeypatch: Any
) -> None:
    case = case_of(clinician)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("no space left")

    monkeypatch.setattr(AuditEvent, "save", refuse)
    answer = browser.post(f"/cases/{case.pk}/findings/", {"finding": "HP:0000272"}, headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 503
    assert "Nothing was saved by this step" in text
    assert "no space left" not in text
    monkeypatch.undo()
    assert not case.findings.filter(term_id="HP:0000272").exists()


def test_503_without_a_model_is_said_in_the_readers_language(
    browser: Client, case_of: Any, clinician: User, monkeypatch: Any
) -> None:
    case = case_of(clinician)
    monkeypatch.setattr(running, "_slot", running._Slot())
    monkeypatch.setattr(running, "current_release", lambda: Release(None, None, 0, None))
    browser.cookies["django_language"] = "es"
    answer = browser.post(f"/cases/{case.pk}/predict/")
    assert answer.status_code == 503
    assert "Todavía no hay ningún modelo activo." in answer.content.decode()
    assert browser.get(f"/cases/{case.pk}/").status_code == 200


def test_500_is_a_page_with_a_number_to_report(browser: Client, monkeypatch: Any) -> None:
    from apps.cases import views

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a secret of the server")

    monkeypatch.setattr(views, "search_cases", fail)
    answer = browser.get("/cases/")
    text = answer.content.decode()
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in text
    assert "a secret of the server" not in text


@pytest.mark.parametrize(
    "address", ["/account/sign-in/", "/cases/", "/cases/new/", "/history/", "/account/", "/nowhere/"]
)
def test_pages_hold_no_inline_script_or_style(browser: Client, address: str) -> None:
    answer = (Client() if "sign-in" in address else browser).get(address)
    text = answer.content.decode()
    assert " style=" not in text
    assert "<style" not in text
    assert " onclick=" not in text
    assert "<script>" not in text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
