"""Administrators and privacy officers get nowhere without a second factor; codes open once; secrets are encrypted."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.actors import Actor
from apps.accounts.factors import add_app, new_secret
from apps.accounts.models import User
from apps.audit.models import AuditEvent, Outcome
from apps.core.capabilities import PUBLIC
from config.checks import endpoints
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SIGN_IN = "/account/sign-in/"
SECOND = "/account/second-factor/"


class Clock:
    """The time that one-time codes are made from."""

    def __init__(self) -> None:
        self.now = 1_800_000_000

    def time(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(totp, "time", made)
    return made


def code_of(secret: str, clock: Clock, steps: int = 0) -> str:
    """What an authenticator app shows, `steps` of 30 s from now (RFC 6238)."""
    return totp.format_hotp_value(totp.hotp_value(secret, clock.now // 30 + steps))


def enrolled(user: User, actor_of: Callable[[User], Actor], clock: Clock) -> tuple[str, list[str]]:
    """Give the account an authenticator app: (its secret, the recovery codes)."""
    secret = new_secret()
    codes = add_app(actor=actor_of(user), secret=secret, code=code_of(secret, clock))
    clock.now += 60
    return secret, codes


def half_way(user: User) -> Client:
    """A browser in which the password was given."""
    browser = Client()
    answer = browser.post(f"{SIGN_IN}?next=/account/", {"username": user.username, "password": PASSWORD})
    assert answer.url.startswith(SECOND)
    return browser


def refused(browser: Client, code: str) -> int:
    return browser.post(SECOND, {"code": code}).status_code


def test_the_algorithm_is_that_of_the_standard() -> None:
    """RFC 4226, appendix D, and RFC 6238, appendix B (SHA-1), to six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    expected = {0: "755224", 1: "287082", 9: "520489", 59 // 30: "287082", 1_111_111_109 // 30: "081804"}
    assert {step: totp.format_hotp_value(totp.hotp_value(secret, step)) for step in expected} == expected


@pytest.mark.parametrize("role", ["administrator", "privacy_officer", "data_scientist"])
def test_without_one_every_page_leads_to_adding_one(role: str, user_of: Callable[..., User]) -> None:
    user = user_of(role)
    browser = Client(raise_request_exception=False)
    browser.post(SIGN_IN, {"username": user.username, "password": PASSWORD})
    opened, led = [], 0
    for name, _route, view in endpoints():
        if name.startswith("api:") or getattr(view, "capability", "") == PUBLIC or "admin:admin/" in name:
            continue
        try:
            address = reverse(name)
        except Exception:
            continue  # it takes an id; the middleware that guards is the same
        answer = browser.get(address)
        if answer.status_code == 302 and answer.url.startswith("/account/factors/?next="):
            led += 1
        elif answer.status_code != 405:
            opened.append(name)
    print(f"{role}: {led} pages lead to adding a second factor; open beside them: {sorted(opened)}")
    assert led >= 15
    assert set(opened) <= {
        "accounts:factors", "accounts:add-app", "accounts:add-passkey", "accounts:recovery-codes", "accounts:confirm",
        "admin:login",
    }  # fmt: skip


def test_a_superuser_needs_one_as_well(clinician: User) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    browser = Client()
    browser.post(SIGN_IN, {"username": "root", "password": PASSWORD})
    assert browser.get("/admin/").url == "/account/factors/?next=/admin/"


def test_other_roles_need_one_by_setting(page: Callable[..., Client], clinician: User, settings: Any) -> None:
    browser = Client()
    browser.force_login(clinician, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get("/cases/").status_code == 200
    settings.SECOND_FACTOR_ROLES = ["clinician"]
    assert browser.get("/cases/").url == "/account/factors/?next=/cases/"
    fragment = browser.get(
        "/cases/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/cases/"}
    )
    assert fragment.headers["HX-Redirect"] == "/account/factors/?next=%2Fcases%2F"


def test_whoever_becomes_an_administrator_is_asked_from_the_next_request_on(clinician: User) -> None:
    from django.contrib.auth.models import Group

    browser = Client()
    browser.post(SIGN_IN, {"username": clinician.username, "password": PASSWORD})
    assert browser.get("/cases/").status_code == 200
    clinician.groups.add(Group.objects.get(name="administrator"))
    assert browser.get("/cases/").url == "/account/factors/?next=/cases/"


def test_the_first_sign_in_of_an_administrator(user_of: Callable[..., User], clock: Clock) -> None:
    user = user_of("administrator")
    browser = Client()
    browser.post(SIGN_IN, {"username": user.username, "password": PASSWORD})
    text = browser.get("/account/factors/app/").content.decode()
    found = re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', text)
    assert found
    assert 'src="data:image/svg+xml;base64,' in text
    secret = found[1].replace(" ", "")
    assert browser.post("/account/factors/app/", {"code": "000000"}).status_code == 422
    answer = browser.post("/account/factors/app/", {"code": code_of(secret, clock)})
    codes = re.findall(r"<code>(\d{8})</code>", answer.content.decode())
    assert len(set(codes)) == 10
    assert browser.get("/admin/").status_code == 200
    events = AuditEvent.objects.filter(actor_id=user.pk).order_by("sequence").values_list("action", flat=True)
    assert list(events) == ["account.sign_in", "account.factor_add"]

    clock.now += 60
    again = half_way(user)
    assert again.get("/account/").status_code == 302  # nobody is signed in yet
    assert again.post(f"{SECOND}?next=/admin/", {"code": code_of(secret, clock)}).url == "/admin/"
    assert again.get("/admin/").status_code == 200
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.details, event.actor_id) == ("account.sign_in", {"factor": "totp"}, user.pk)


def test_a_code_opens_once(clinician: User, actor_of: Callable[[User], Actor], clock: Clock) -> None:
    secret, codes = enrolled(clinician, actor_of, clock)
    now, before, after, old = (code_of(secret, clock, steps) for steps in (0, -1, 1, -3))
    assert refused(half_way(clinician), old) == 422
    assert refused(half_way(clinician), now) == 302
    assert [refused(half_way(clinician), code) for code in (now, before)] == [422, 422]
    assert refused(half_way(clinician), after) == 302
    assert refused(half_way(clinician), codes[0]) == 302
    assert refused(half_way(clinician), codes[0]) == 422
    print("app: used and earlier codes refused; recovery code: opens once")


def test_guessing_codes_locks_the_account(
    clinician: User, actor_of: Callable[[User], Actor], clock: Clock
) -> None:
    secret, _codes = enrolled(clinician, actor_of, clock)
    browser = half_way(clinician)
    wrong = f"{(int(code_of(secret, clock)) + 7) % 1_000_000:06}"
    statuses = [refused(browser, wrong) for _ in range(6)]
    print(f"wrong codes: {statuses}")
    assert statuses == [422] * 4 + [429] * 2
    assert refused(browser, code_of(secret, clock)) == 429
    failures = AuditEvent.objects.filter(action="account.sign_in", object_ids=[clinician.pk], actor_id=None)
    assert {event.organisation_id for event in failures} == {clinician.organisation_id}
    assert [event.outcome for event in failures.order_by("sequence")][:4] == [Outcome.FAILED] * 4


def test_the_right_password_alone_leaves_an_event(
    clinician: User, actor_of: Callable[[User], Actor], clock: Clock
) -> None:
    enrolled(clinician, actor_of, clock)
    half_way(clinician)
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_id, event.object_ids) == ("account.first_factor", None, [clinician.pk])


def test_the_second_step_does_not_wait_for_ever(
    clinician: User, actor_of: Callable[[User], Actor], clock: Clock, settings: Any
) -> None:
    secret, _codes = enrolled(clinician, actor_of, clock)
    browser = half_way(clinician)
    settings.SECOND_FACTOR_LIMIT *= 0
    assert browser.post(SECOND, {"code": code_of(secret, clock)}).url == SIGN_IN
    assert browser.get("/cases/").status_code == 302


def test_secrets_are_stored_encrypted_and_survive_a_new_secret_key(
    clinician: User, actor_of: Callable[[User], Actor], clock: Clock, settings: Any
) -> None:
    secret, codes = enrolled(clinician, actor_of, clock)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(data::text, ' ') FROM mfa_authenticator")
        (stored,) = cursor.fetchone()
    assert secret not in stored
    assert not any(code in stored for code in codes)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [settings.SECRET_KEY]
    assert refused(half_way(clinician), code_of(secret, clock)) == 302


def test_the_only_factor_of_a_role_that_needs_it_stays(
    user_of: Callable[..., User], actor_of: Callable[[User], Actor], page: Callable[..., Client], clock: Clock
) -> None:
    user = user_of("privacy_officer")
    enrolled(user, actor_of, clock)
    factor = Authenticator.objects.get(user=user, type="totp")
    address = reverse("accounts:remove-factor", args=[factor.pk])
    assert page(user).post(address).status_code == 409
    stranger = user_of("privacy_officer")
    assert page(stranger).post(address).status_code == 404
    assert Authenticator.objects.filter(pk=factor.pk).exists()


def test_a_lost_factor_is_removed_by_the_administrator_of_the_organisation(
    user_of: Callable[..., User],
    other_organisation: Any,
    actor_of: Callable[[User], Actor],
    page: Callable[..., Client],
    clock: Clock,
) -> None:
    mine, strange = user_of("auditor"), user_of("auditor", organisation=other_organisation)
    for user in (mine, strange):
        enrolled(user, actor_of, clock)
    page(user_of("administrator")).post(
        reverse("admin:accounts_user_changelist"),
        {"action": "reset_second_factor", "_selected_action": [str(mine.pk), str(strange.pk)]},
    )
    assert set(Authenticator.objects.values_list("user", flat=True)) == {strange.pk}
    assert AuditEvent.objects.get(action="account.factor_reset").object_ids == [mine.pk]


def test_an_open_page_costs_no_more_queries_than_before(
    user_of: Callable[..., User], page: Callable[..., Client]
) -> None:
    browser = page(user_of("privacy_officer"))
    with CaptureQueriesContext(connection) as queries:
        assert browser.get("/account/awake/").status_code == 204
    print(f"{len(queries)} queries: session, account, roles")
    assert len(queries) == 3
