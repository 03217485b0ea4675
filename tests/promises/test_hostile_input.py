"""Hostile input that no other test sends; see also tests/api/test_bad_input.py and tests/api/test_hostile.py."""

import csv
import gzip
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.accounts.services import issue_token
from apps.cases.models import Case, Hold, Patient
from apps.cases.pseudonyms import clean_pseudonym
from apps.cases.services import change_person, record_outcome
from apps.core.problems import InvalidInput
from apps.privacy.holds import place_hold
from config.checks import endpoints
from tests.api.contract import ContractClient
from tests.conftest import MARFAN
from tests.permissions.house import methods_of
from tests.permissions.test_matrix import row_of

CASES = "/api/v1/cases/"
POSTS = ("predictions/", "predictions/ask-next/", "cases/", "feedback/", "notes/findings/")


@pytest.fixture
def client(token_of: Callable[..., Any], clinician: User) -> ContractClient:
    made = ContractClient(raise_request_exception=False)
    made.credentials(HTTP_AUTHORIZATION=f"Token {token_of(clinician)[1]}")
    return made


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("packet.json", content)
    return packed.getvalue()


@pytest.mark.usefixtures("db", "active_model")
def test_bombs_are_refused_unopened(client: ContractClient) -> None:
    big = b'{"text": "' + b" " * 200_000_000 + b'"}'
    bombs = {
        "gzip": gzip.compress(big),
        "deflate": _zip(big),
        "br": b"\x8b",
        "gzip, gzip": gzip.compress(big),
    }
    del big
    for route in POSTS:
        for coding, bomb in bombs.items():
            more = {"HTTP_CONTENT_ENCODING": coding}
            answer = client.generic("POST", f"/api/v1/{route}", bomb, content_type="application/json", **more)
            assert answer.status_code == 415, route
        plain = client.generic("POST", f"/api/v1/{route}", bombs["deflate"], content_type="application/json")
        assert plain.status_code == 400
    print(f"{len(POSTS) * len(bombs)} bombs of 200 MB: 0 opened, each answered 415")


# RIGHT-TO-LEFT OVERRIDE, ZERO WIDTH SPACE, SOFT HYPHEN, HANGUL FILLER, VARIATION SELECTOR, tag, line separator, NUL;
# Cyrillic and Greek letters between Latin ones.
TRICKS = [
    "K7\u202e0042", "K7\u200b-0042", "K7\u00ad-0042", "K7\u3164", "K7\ufe0f", "K7\U000e0041", "K7\u20280042",
    "K7\x00", "\u041a7-ABC", "\u0391-Adam", "   ", "\u3000", "x" * 81, "\ufdfa" * 40,
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS, ids=ascii)
def test_a_pseudonym_that_deceives_the_eye_is_refused(trick: str) -> None:
    with pytest.raises(InvalidInput):
        clean_pseudonym(trick)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ｋ７－００４２", "K7-0042"),
        ("K7\u00a0 0042 ", "K7 0042"),
        ("٤٢", "42"),
        ("e\u0301", "\u00e9"),
        ("ΑΒΓ-1", "ΑΒΓ-1"),
        ("患者タナカ", "患者タナカ"),
    ],
)
def test_forms_of_one_pseudonym_are_one(typed: str, kept: str) -> None:
    assert clean_pseudonym(typed) == kept
    assert clean_pseudonym(kept) == kept


@pytest.mark.usefixtures("db", "active_model")
def test_tricks_are_422_and_a_lookalike_is_taken(client: ContractClient) -> None:
    assert client.post(CASES, {"pseudonym": "K7-0042"}).status_code == 201
    for trick in ("Ｋ７-0042", "K7\u200b-0042", "\u041a7-ABC"):
        answer = client.post(CASES, {"pseudonym": trick})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "pseudonym")
    assert Patient.objects.count() == 1


@pytest.mark.usefixtures("db")
def test_no_formula_leaves_in_an_export(
    clinician: User, page: Callable[..., Client], case_of: Callable[..., Case]
) -> None:
    for number, start in enumerate("=+-@"):
        case_of(clinician, pseudonym=f"{start}cmd|' /C calc'!A{number}")
    text = page(clinician).get("/cases/export.csv").content.decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row if "cmd" in cell]
    assert len(cells) == 4
    assert [cell[0] for cell in cells] == ["'"] * 4


@pytest.mark.usefixtures("db")
def test_every_form_asks_for_its_csrf_token(clinician: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(clinician, backend="django.contrib.auth.backends.ModelBackend")
    tried = 0
    for name, route, view in endpoints():
        if name.startswith(("api:", "admin:")) or "POST" not in methods_of(view) or "<" in route:
            continue
        if name in {"oauth:token", "oauth:revoke"}:
            continue  # a client proves by its secret or verifier who it is; no session counts there
        tried += 1
        assert browser.post(f"/{route}", {"pseudonym": "forged"}).status_code == 403, name
    print(f"{tried} forms posted from elsewhere: {tried} times 403")
    assert tried > 3
    assert not Patient.objects.exists()


@pytest.mark.usefixtures("db")
def test_a_forged_token_opens_nothing(clinician: User, token_of: Callable[..., Any]) -> None:
    token, secret = token_of(clinician)
    swapped = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    # The first characters are kept in clear to find the row; they alone must not be enough.
    forged = [
        swapped,
        secret[:15],
        secret[:15] + "0" * 49,
        secret.upper(),
        f"{secret} {secret}",
        token.digest,
    ]
    client = ContractClient(raise_request_exception=False)
    for attempt in forged:
        assert client.get(CASES, HTTP_AUTHORIZATION=f"Token {attempt}").status_code == 401
    assert client.get(CASES, HTTP_AUTHORIZATION=f"Token {secret}").status_code == 200
    token.delete()
    assert client.get(CASES, HTTP_AUTHORIZATION=f"Token {secret}").status_code == 401  # replayed


@pytest.mark.usefixtures("db")
def test_pages_files_and_answers_carry_the_browser_policies(
    page: Callable[..., Client], user_of: Any
) -> None:
    browser = page(user_of("administrator"))
    for address in ("/account/", "/admin/", "/api/v1/docs/", "/api/v1/cases/", "/static/hoofbeat/site.js"):
        headers = browser.get(address).headers
        assert "camera=()" in headers["Permissions-Policy"], address
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "unsafe" not in headers.get("Content-Security-Policy", "").split("style-src")[0]


def test_the_deployment_check_is_clean() -> None:
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "TLS": "true", "DEBUG": "false"},
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr


HTML = "<img src=x onerror=alert(1)>"


@pytest.mark.usefixtures("db", "active_model")
def test_html_in_every_text_field_is_shown_as_text(
    page: Callable[..., Client], user_of: Callable[..., User], case_of: Any, actor_of: Any, organisation: Any
) -> None:
    """Whatever somebody may type is on each role's pages, its admin and its downloads' pages, and never as a tag."""
    people = {role: user_of(role) for role in Role.values}
    organisation.name = HTML
    organisation.save()
    for user in people.values():
        user.first_name = user.last_name = HTML
        user.save()
    clinician, officer = actor_of(people[Role.CLINICIAN]), actor_of(people[Role.PRIVACY_OFFICER])
    case = case_of(people[Role.CLINICIAN], pseudonym=HTML, consents={"care": True, "training": True})
    values = dict.fromkeys(("name", "identifier", "contact", "note"), HTML)
    change_person(actor=clinician, case_id=case.pk, values=values)
    record_outcome(actor=clinician, case_id=case.pk, disease_id=MARFAN)
    helper = page(user_of(Role.CLINICIAN))
    assert (
        helper.post("/cases/emergency/", {"patient": HTML, "reason": f"{HTML} unconscious"}).status_code
        == 302
    )
    place_hold(actor=officer, patient_id=case.patient_id, kind=Hold.Kind.LEGAL, reason=f"{HTML} lawsuit")
    study = {"study": HTML, "k": 11, "small_cells": "keep", "confirmed": "yes"}
    assert page(people[Role.PRIVACY_OFFICER]).post("/retention/research/", study).status_code == 302
    client = {
        "name": HTML,
        "kind": "web",
        "redirect_uris": "https://ehr.example/callback",
        "scopes": ["case.read"],
    }
    page(people[Role.ADMINISTRATOR]).post("/oauth/clients/", client)
    page(people[Role.DATA_SCIENTIST]).post("/models/train/", {"reason": HTML})
    for user in people.values():
        issue_token(actor=actor_of(user), name=HTML, scopes=[])
    ids = {"case_id": case.pk, "patient_id": case.patient_id, "id": clinician.user_id}
    shown = pages = 0
    for role, user in people.items():
        browser = page(user)
        for name, route, _view in endpoints():
            row = row_of(name if not name.endswith(":") else f"{name}{route}", "GET")
            if row is None or row[role] != 200 or name.startswith("api:"):
                continue
            if "<" in route and not any(f":{kind}>" in route for kind in ids):
                continue
            address = "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(ids.get(found[1], 1)), route)
            if "(?P" in address or "sign-out" in address:
                continue
            answer = browser.get(address, {"text": HTML, "q": HTML})
            if answer.status_code < 300 and "html" in answer.headers["Content-Type"]:
                text = answer.content.decode()
                pages += 1
                shown += text.count("&lt;img src=x onerror")
                assert "<img src=x" not in text, (user.username, address)
    print(f"{pages} pages of {len(people)} roles: HTML shown as text {shown} times, as a tag 0 times")
    assert shown > pages > 50


@pytest.mark.usefixtures("db", "active_model")
def test_wildcards_are_letters_in_every_search(
    client: ContractClient,
    page: Callable[..., Client],
    user_of: Callable[..., User],
    case_of: Any,
    clinician: User,
) -> None:
    case = case_of(clinician)
    browser, officer = page(clinician), page(user_of(Role.PRIVACY_OFFICER))
    browser.post(f"/cases/{case.pk}/predict/")
    assert browser.get("/cases/").context["cases"]
    assert browser.get("/history/").context["rows"]
    wildcards = ("%", "_", "%%", "K7%", "K7-____", "\\", "%' --", "*", "K7.*")
    for text in wildcards:
        for address, name in (
            (CASES, "q"),
            (CASES, "identifier"),
            ("/api/v1/terms/", "q"),
            ("/api/v1/diseases/", "q"),
        ):
            answer = client.get(address, {name: text})
            assert (answer.status_code, answer.json().get("results")) == (200, []), (address, text)
        assert not browser.get("/cases/", {"q": text}).context["cases"]
        assert not browser.get("/history/", {"q": text}).context["rows"]
        for address in ("/retention/erasures/", "/retention/holds/", "/retention/access-reports/"):
            assert officer.post(address, {"text": text}).status_code == 422
    print(f"{len(wildcards)} wildcards in 9 searches found nothing")
