"""OAuth 2.0 over real HTTP: a code with PKCE, a client's own credentials, and whatever tries to get more."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.accounts.selectors import get_actor
from apps.audit.models import AuditEvent
from apps.core.problems import Denied
from apps.oauth import models as oauth
from apps.oauth.models import AccessToken, Grant, RefreshToken
from apps.oauth.services import Kind, NewClient, forget_expired_tokens, register_client, revoke_client
from tests.permissions.house import session_of
from tests.served import served

CALLBACK = "https://ehr.example/callback"
CASES, TERMS = "/api/v1/cases/", "/api/v1/terms/?q=fingers"
VERIFIER = secrets.token_urlsafe(48)


class _Stay(HTTPRedirectHandler):
    """The way back to a client is looked at, not gone."""

    def redirect_request(self, *_args: Any) -> None:
        return None


@dataclass
class Answer:
    status: int
    headers: Any
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def back(self) -> dict[str, str]:
        """What the client is told by the address to which the browser is led."""
        return {
            name: values[0] for name, values in parse_qs(urlsplit(self.headers["Location"]).query).items()
        }


@dataclass
class Site:
    """The address of a server, real or that of Django's test client, and somebody who is signed in to it."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    def call(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        data = None if form is None else urlencode(form).encode()
        return (
            self._over_http(path, data, headers)
            if "127." in self.address
            else self._inside(path, data, headers)
        )

    def _over_http(self, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        try:
            with build_opener(_Stay).open(Request(self.address + path, data, headers)) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except HTTPError as answer:
            return Answer(answer.code, answer.headers, answer.read().decode())

    def _inside(self, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        client = Client(enforce_csrf_checks=True)
        method = "GET" if data is None else "POST"
        answer = client.generic(
            method, path, data or b"", "application/x-www-form-urlencoded", headers=headers
        )
        return Answer(answer.status_code, answer.headers, answer.content.decode())

    def api(self, path: str, token: str) -> int:
        return self.call(path, Authorization=f"Bearer {token}").status

    def as_user(self, user: User) -> "Site":
        cookies = {name: morsel.value for name, morsel in session_of(user).items()}
        return Site(self.address, cookies | {"csrftoken": "x" * 32})


@dataclass
class Program:
    """A client that was registered, with what it does."""

    site: Site
    row: oauth.Client
    secret: str

    def ask(self, user: User, *, answer: str = "allow", **changes: str | None) -> Answer:
        """Send the user's browser to be asked, and let him answer."""
        asked = {
            "response_type": "code",
            "client_id": self.row.client_id,
            "redirect_uri": CALLBACK,
            "scope": "case.read knowledge.read",
            "state": "s-1",
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
            .rstrip(b"=")
            .decode(),
            "code_challenge_method": "S256",
        } | changes
        address = "/oauth/authorize/?" + urlencode({name: value for name, value in asked.items() if value})
        browser = self.site.as_user(user)
        seen = browser.call(address)
        if seen.status != 200:
            return seen
        return browser.call(address, {"answer": answer, "csrfmiddlewaretoken": "x" * 32})

    def token(self, **form: str) -> Answer:
        """Ask for a token with the client's own secret."""
        credentials = base64.b64encode(f"{self.row.client_id}:{self.secret}".encode()).decode()
        return self.site.call("/oauth/token/", form, Authorization=f"Basic {credentials}")

    def redeem(self, given: str, **changes: str) -> Answer:
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.token(**(form | {"code": given} | changes))

    def refresh(self, token: str) -> Answer:
        return self.token(grant_type="refresh_token", refresh_token=token)

    def tokens(self, user: User) -> dict[str, Any]:
        """Everything from the beginning: what the client holds afterwards."""
        answer = self.redeem(self.ask(user).back["code"])
        assert answer.status == 200, answer.body
        return answer.json


@pytest.fixture
def site(request: pytest.FixtureRequest, knowledge: Any) -> Iterator[Site]:
    """A server on a real port where rows are committed (`over_http`), else Django's test client."""
    if "committed_db" not in request.fixturenames:
        request.getfixturevalue("db")
        yield Site("http://testserver")
    else:
        with served() as address:
            yield Site(address)


over_http = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def program_of(site: Site, user_of: Callable[..., User]) -> Callable[..., Program]:
    """`program_of()` registers a client of the organisation by one of its administrators."""

    def register(organisation: Organisation | None = None, kind: str = Kind.WEB, **changes: Any) -> Program:
        where = {} if organisation is None else {"organisation": organisation}
        new = {
            "name": "Patient record",
            "kind": kind,
            "scopes": ["case.read", "knowledge.read"],
            "redirect_uris": [CALLBACK],
        }
        administrator = get_actor(user=user_of(Role.ADMINISTRATOR, **where))
        row, secret = register_client(actor=administrator, new=NewClient(**(new | changes)))
        return Program(site, row, secret)

    return register


@pytest.fixture
def service_of(program_of: Callable[..., Program], user_of: Callable[..., User]) -> Callable[..., Program]:
    """`service_of()` registers a service, which acts as an account of its own."""

    def register() -> Program:
        account = user_of(Role.INTEGRATOR)
        account.set_unusable_password()
        account.save()
        return program_of(kind=Kind.SERVICE, redirect_uris=[], account=account)

    return register


def last_event() -> tuple[str, str, str]:
    event = AuditEvent.objects.latest("sequence")
    return event.action, event.outcome, event.details.get("why", "")


@over_http
def test_a_code_with_pkce(site: Site, program_of: Callable[..., Program], clinician: User) -> None:
    program = program_of()
    asked = program.ask(clinician)
    assert (asked.status, asked.back["state"], asked.back["iss"]) == (302, "s-1", site.address)
    assert last_event() == ("oauth.consent", "ok", "")
    answer = program.redeem(asked.back["code"])
    tokens = answer.json
    assert (answer.status, tokens["token_type"], tokens["expires_in"]) == (200, "Bearer", 600)
    assert answer.headers["Cache-Control"] == "no-store"
    got, lacked = site.api(CASES, tokens["access_token"]), site.api("/api/v1/models/", tokens["access_token"])
    row = AccessToken.objects.get(application=program.row)
    event = AuditEvent.objects.filter(action="case.list").latest("sequence")
    assert (event.actor_id, event.token_id) == (clinician.pk, row.public_id)
    assert last_event()[:2] == ("model.read", "denied")
    program.row.refresh_from_db()
    assert program.row.last_used_at is not None
    print(f"a code with PKCE over HTTP: cases {got}, what was not granted {lacked}, 3 events, token named")
    assert (got, lacked) == (200, 404)


def test_nothing_that_is_stored_opens_anything(program_of: Callable[..., Program], clinician: User) -> None:
    program = program_of()
    code = program.ask(clinician).back["code"]
    tokens = program.redeem(code).json
    kept = []
    with connection.cursor() as cursor:
        for model in (oauth.Client, Grant, AccessToken, RefreshToken, AuditEvent):
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {model._meta.db_table} t")
            kept.append(cursor.fetchone()[0])
    stored = " ".join(kept)
    secrets_of_it = [program.secret, code, tokens["access_token"], tokens["refresh_token"]]
    found = sum(secret in stored for secret in secrets_of_it)
    print(f"{len(secrets_of_it)} secrets, {len(stored)} characters stored: {found} found")
    assert found == 0
    assert program.row.client_id in stored


NO_TOKEN: list[tuple[dict[str, str], str]] = [
    ({"code_verifier": "w" * 64}, "invalid_grant"),
    ({"code_verifier": ""}, "invalid_grant"),
    ({"redirect_uri": "https://ehr.example/other"}, "invalid_request"),
    ({"code": "guessed"}, "invalid_grant"),
    ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unauthorized_client"),
    ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
    ({"grant_type": "anything"}, "unsupported_grant_type"),
]


@over_http
def test_what_gets_no_token(site: Site, program_of: Callable[..., Program], clinician: User) -> None:
    program = program_of()
    for changes, error in NO_TOKEN:
        code = program.ask(clinician).back["code"]
        answer = program.redeem(code, **changes)
        print(f"{changes}: {answer.status} {answer.body}")
        assert answer.status in {400, 401}
        assert answer.json["error"] == error
        assert last_event() == ("oauth.token", "failed", error)
    assert not AccessToken.objects.exists()


def test_a_wrong_secret_and_an_unknown_client(
    site: Site, program_of: Callable[..., Program], clinician: User
) -> None:
    program = program_of()
    code = program.ask(clinician).back["code"]
    wrong = Program(site, program.row, "wrong").redeem(code)
    unknown = site.call("/oauth/token/", {"grant_type": "client_credentials", "client_id": "nobody"})
    without = site.call(
        "/oauth/token/",
        {"grant_type": "authorization_code", "client_id": program.row.client_id, "code": code},
    )
    nul = site.call("/oauth/token/", {"grant_type": "client_credentials", "client_id": "a\0b"})
    print(f"wrong secret {wrong.status}, unknown {unknown.status}, none {without.status}, NUL {nul.status}")
    assert (wrong.status, unknown.status, without.status, nul.status) == (401, 401, 401, 400)
    assert program.redeem(code).status == 200, "nobody else used the code up"


@over_http
def test_a_code_works_once_and_for_a_minute(
    site: Site, program_of: Callable[..., Program], clinician: User
) -> None:
    program = program_of()
    code = program.ask(clinician).back["code"]
    tokens = program.redeem(code).json
    assert site.api(CASES, tokens["access_token"]) == 200
    again = program.redeem(code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert last_event() == ("oauth.token", "denied", "invalid_grant")
    after = site.api(CASES, tokens["access_token"]), program.refresh(tokens["refresh_token"]).status
    late = program.ask(clinician).back["code"]
    Grant.objects.filter(used_at=None).update(expires=timezone.now())
    expired = program.redeem(late)
    print(f"replayed code: {again.status}, its tokens afterwards {after}; after a minute {expired.status}")
    assert after == (401, 400)
    assert expired.json["error"] == "invalid_grant"


@over_http
def test_a_refresh_token_works_once(site: Site, program_of: Callable[..., Program], clinician: User) -> None:
    program = program_of()
    first = program.tokens(clinician)
    second = program.refresh(first["refresh_token"]).json
    assert site.api(CASES, first["access_token"]) == 401
    assert site.api(CASES, second["access_token"]) == 200
    third = program.refresh(second["refresh_token"]).json
    stolen = program.refresh(first["refresh_token"])
    assert (stolen.status, last_event()) == (400, ("oauth.token", "denied", "invalid_grant"))
    left = site.api(CASES, third["access_token"]), program.refresh(third["refresh_token"]).status
    print(f"a used refresh token: {stolen.status}; the newest access and refresh token afterwards: {left}")
    assert left == (401, 400)


def test_a_connection_that_nobody_uses_ends(
    site: Site, program_of: Callable[..., Program], clinician: User, settings: Any
) -> None:
    program = program_of()
    tokens = program.tokens(clinician)
    AccessToken.objects.update(expires=timezone.now())
    assert site.api(CASES, tokens["access_token"]) == 401
    over = timezone.now() - timedelta(hours=settings.OAUTH_REFRESH_HOURS, seconds=1)
    AccessToken.objects.update(expires=over)
    assert program.refresh(tokens["refresh_token"]).status == 400
    Grant.objects.update(expires=over)
    rows = forget_expired_tokens()
    print(f"after {settings.OAUTH_REFRESH_HOURS} hours: 400, and {rows} rows were deleted")
    assert sum(model.objects.count() for model in (Grant, AccessToken, RefreshToken)) == 0


NOBODY_IS_ASKED: list[tuple[dict[str, Any], int, str]] = [
    ({"redirect_uri": "https://evil.example/callback"}, 400, "invalid_request"),
    ({"redirect_uri": CALLBACK + "/more"}, 400, "invalid_request"),
    ({"redirect_uri": CALLBACK + "?a=b"}, 400, "invalid_request"),
    ({"redirect_uri": "https://EHR.example/callback"}, 400, "invalid_request"),
    ({"client_id": "nobody"}, 404, ""),
    ({"scope": "audit.read"}, 302, "invalid_scope"),
    ({"scope": "case.read admin.access"}, 302, "invalid_scope"),
    ({"scope": None}, 302, "invalid_scope"),
    ({"code_challenge": None}, 302, "invalid_request"),
    ({"code_challenge_method": "plain"}, 302, "invalid_request"),
    ({"code_challenge_method": None}, 302, "invalid_request"),
    ({"response_type": "token"}, 302, "unsupported_response_type"),
    ({"answer": "refuse"}, 302, "access_denied"),
]


@over_http
def test_what_nobody_is_asked(site: Site, program_of: Callable[..., Program], clinician: User) -> None:
    program = program_of()
    for changes, status, error in NOBODY_IS_ASKED:
        answer = program.ask(clinician, **changes)
        print(f"{changes}: {answer.status} {answer.headers.get('Location', '')}")
        assert answer.status == status
        if status == 302:
            assert answer.headers["Location"].startswith(CALLBACK + "?")
            assert (answer.back["error"], answer.back["state"], answer.back["iss"]) == (
                error,
                "s-1",
                site.address,
            )
        action, outcome, why = last_event()
        assert action == "oauth.consent"
        assert outcome == ("denied" if error in {"access_denied", ""} else "failed")
        assert why == error
    assert not Grant.objects.exists()


@over_http
def test_a_client_of_another_organisation(
    site: Site, program_of: Callable[..., Program], other_organisation: Organisation, clinician: User
) -> None:
    foreign, own = program_of(other_organisation), program_of()
    asked = foreign.ask(clinician)
    assert (asked.status, last_event()[:2]) == (404, ("oauth.consent", "denied"))
    code = own.ask(clinician).back["code"]
    stolen = foreign.redeem(code).status
    tokens = own.redeem(code).json
    refreshed = foreign.refresh(tokens["refresh_token"]).status
    foreign.site.call(
        "/oauth/revoke/",
        {
            "client_id": foreign.row.client_id,
            "client_secret": foreign.secret,
            "token": tokens["access_token"],
        },
    )
    still = site.api(CASES, tokens["access_token"])
    clinician.organisation = other_organisation
    clinician.save()
    moved = site.api(CASES, tokens["access_token"])
    print(
        f"another organisation's client: asked {asked.status}, its code {stolen}, its refresh {refreshed}; "
        f"the owner's token {still}, and {moved} once he works elsewhere"
    )
    assert (stolen, refreshed, still, moved) == (400, 400, 200, 401)


def test_it_loses_what_its_user_loses(
    site: Site, program_of: Callable[..., Program], clinician: User
) -> None:
    token = program_of().tokens(clinician)["access_token"]
    before = site.api(CASES, token)
    clinician.groups.clear()
    after = site.api(CASES, token)
    clinician.is_active = False
    clinician.save()
    print(f"cases {before}; without his role {after}; without his account {site.api(CASES, token)}")
    assert (before, after, site.api(CASES, token)) == (200, 404, 401)


def test_it_gets_no_more_than_its_user_has(
    program_of: Callable[..., Program], user_of: Callable[..., User]
) -> None:
    program = program_of(scopes=["case.read", "knowledge.read", "model.train"])
    scientist = user_of(Role.DATA_SCIENTIST)
    code = program.ask(scientist, scope="case.read knowledge.read").back["code"]
    assert program.redeem(code).json["scope"] == "knowledge.read"
    assert program.ask(scientist, scope="case.read").back["error"] == "access_denied"


@over_http
def test_a_service(site: Site, service_of: Callable[..., Program]) -> None:
    service = service_of()
    answer = service.token(grant_type="client_credentials", scope="case.read")
    assert (answer.status, "refresh_token" in answer.json) == (200, False)
    token = answer.json["access_token"]
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_id) == ("oauth.token", service.row.user_id)
    got, lacked = site.api(CASES, token), site.api(TERMS, token)
    too_much = service.token(grant_type="client_credentials", scope="audit.read").json["error"]
    nothing = service.token(grant_type="client_credentials").json["error"]
    account = service.row.user
    account.set_password("somebody signs in now")
    account.save()
    print(
        f"a service: {got}, without the scope {lacked}; {too_much}; {nothing}; as a person {site.api(CASES, token)}"
    )
    assert (got, lacked, too_much, nothing) == (200, 404, "invalid_scope", "invalid_scope")
    assert site.api(CASES, token) == 401


def test_a_service_acts_as_nobody_who_signs_in(
    program_of: Callable[..., Program],
    clinician: User,
    other_organisation: Organisation,
    user_of: Callable[..., User],
) -> None:
    foreign = user_of(Role.INTEGRATOR, other_organisation)
    foreign.set_unusable_password()
    foreign.save()
    for account in (clinician, foreign):
        with pytest.raises(Denied):
            program_of(kind=Kind.SERVICE, redirect_uris=[], account=account)
    with pytest.raises(Denied):
        register_client(
            actor=get_actor(user=clinician), new=NewClient("mine", Kind.WEB, ["case.read"], [CALLBACK])
        )
    with pytest.raises(Denied):
        program_of(scopes=["admin.access"])


def test_a_program_on_somebodys_machine(
    site: Site, program_of: Callable[..., Program], clinician: User
) -> None:
    program = program_of(kind=Kind.NATIVE, redirect_uris=["http://127.0.0.1/done"])
    assert program.secret == ""
    here = "http://127.0.0.1:51004/done"
    code = program.ask(clinician, redirect_uri=here).back["code"]
    form = {
        "grant_type": "authorization_code",
        "client_id": program.row.client_id,
        "redirect_uri": here,
        "code": code,
        "code_verifier": VERIFIER,
    }
    answer = site.call("/oauth/token/", form)
    elsewhere = program.ask(clinician, redirect_uri="http://192.0.2.1:51004/done").status
    print(f"without a secret, with PKCE: {answer.status}; another machine {elsewhere}")
    assert (answer.status, elsewhere) == (200, 400)


def test_giving_a_token_back(site: Site, program_of: Callable[..., Program], clinician: User) -> None:
    program = program_of()
    tokens = program.tokens(clinician)
    credentials = {"client_id": program.row.client_id, "client_secret": program.secret}
    wrong = site.call("/oauth/revoke/", credentials | {"client_secret": "x", "token": tokens["access_token"]})
    assert (wrong.status, site.api(CASES, tokens["access_token"])) == (401, 200)
    answers = [
        site.call("/oauth/revoke/", credentials | {"token": token}).status
        for token in (tokens["refresh_token"], tokens["refresh_token"], "never there")
    ]
    after = site.api(CASES, tokens["access_token"]), program.refresh(tokens["refresh_token"]).status
    print(f"revoked {answers}; afterwards {after}; with a wrong secret {wrong.status}")
    assert (answers, after) == ([200, 200, 200], (401, 400))


def test_administrator_and_user_end_it(
    site: Site, program_of: Callable[..., Program], clinician: User, user_of: Callable[..., User]
) -> None:
    program, other = program_of(), program_of()
    first, second = program.tokens(clinician)["access_token"], other.tokens(clinician)["access_token"]
    browser = site.as_user(clinician)
    assert "Patient record" in browser.call("/oauth/programs/").body
    withdrawn = browser.call(
        f"/oauth/programs/{program.row.public_id}/withdraw/", {"csrfmiddlewaretoken": "x" * 32}
    )
    assert (withdrawn.status, last_event()) == (302, ("oauth.withdraw", "ok", ""))
    revoke_client(actor=get_actor(user=user_of(Role.ADMINISTRATOR)), client_id=other.row.public_id)
    after = (
        site.api(CASES, first),
        site.api(CASES, second),
        other.token(grant_type="client_credentials").status,
    )
    print(f"withdrawn by its user {after[0]}, revoked by an administrator {after[1]}, its secret {after[2]}")
    assert after == (401, 401, 401)


def test_metadata(site: Site) -> None:
    said = site.call("/.well-known/oauth-authorization-server").json
    assert said["issuer"] == site.address
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["grant_types_supported"] == ["authorization_code", "client_credentials", "refresh_token"]
    assert said["response_types_supported"] == ["code"]
    assert "account.self" not in said["scopes_supported"]
    assert {said[f"{name}_endpoint"] for name in ("authorization", "token", "revocation")} == {
        f"{site.address}/oauth/{name}/" for name in ("authorize", "token", "revoke")
    }


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer \xe9", "Bearer a b", "bearer " + "a" * 5000]
)
def test_forged_tokens(site: Site, header: str) -> None:
    answer = site.call(CASES, Authorization=header)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer, Token")
    assert answer.headers["Content-Type"] == "application/problem+json"


@over_http
def test_a_token_in_the_address_opens_nothing(
    site: Site, program_of: Callable[..., Program], clinician: User
) -> None:
    token = program_of().tokens(clinician)["access_token"]
    assert site.call(f"{CASES}?access_token={token}").status == 401
    assert site.call(CASES, {"access_token": token}).status == 401


def test_asking_too_often(site: Site, program_of: Callable[..., Program]) -> None:
    program = program_of()
    cache.clear()
    statuses = [program.token(grant_type="client_credentials").status for _ in range(61)]
    other = program_of().token(grant_type="client_credentials").status
    print(f"61 calls in a minute: the last one {statuses[-1]}; another client {other}")
    assert (statuses[59], statuses[60], other) == (400, 429, 400)
