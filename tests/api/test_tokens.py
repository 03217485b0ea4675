"""Who gets in: tokens alone, as long as they and their accounts are valid, and not too often."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection

from apps.accounts.actors import Actor
from apps.accounts.models import ApiToken, User
from apps.accounts.services import revoke_token
from apps.accounts.throttling import CallerThrottle
from tests.api.conftest import PREDICTIONS
from tests.api.contract import ContractClient

pytestmark = pytest.mark.django_db

Issue = Callable[..., tuple[ApiToken, str]]


def status(secret: str) -> int:
    client = ContractClient(raise_request_exception=False)
    return client.get(PREDICTIONS, HTTP_AUTHORIZATION=secret).status_code


def test_a_valid_token_lets_in_and_is_stored_as_a_digest(clinician: User, token_of: Issue) -> None:
    token, secret = token_of(clinician)
    assert status(f"Token {secret}") == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM accounts_apitoken t WHERE public_id = %s", [token.public_id])
        (row,) = cursor.fetchone()
    assert secret not in row


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Token",
        "Token garbage",
        "Token " + "a" * 64,
        "Token a b",
        "Bearer abc",
        "Basic YTpi",
        "Token \xff\xfe",
        "\0",
    ],
)
def test_no_valid_token_is_401(header: str, db: None) -> None:
    client = ContractClient(raise_request_exception=False)
    response = client.get(PREDICTIONS, HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer, Token"


def test_an_expired_token_is_401(clinician: User, token_of: Issue) -> None:
    token, secret = token_of(clinician, timedelta(seconds=-1))
    assert status(f"Token {secret}") == 401
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_a_revoked_token_is_401_at_once(
    clinician: User, token_of: Issue, actor_of: Callable[[User], Actor]
) -> None:
    token, secret = token_of(clinician)
    assert status(f"Token {secret}") == 200
    revoke_token(actor=actor_of(clinician), token_id=token.public_id)
    assert status(f"Token {secret}") == 401


def test_the_token_of_an_inactive_account_is_401(clinician: User, token_of: Issue) -> None:
    _token, secret = token_of(clinician)
    clinician.is_active = False
    clinician.save()
    assert status(f"Token {secret}") == 401


def test_a_session_opens_pages_and_not_the_api(clinician: User) -> None:
    client = ContractClient(raise_request_exception=False)
    client.force_login(clinician, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(PREDICTIONS).status_code == 401


def test_a_change_of_role_holds_from_the_next_request_on(
    api: Callable[..., ContractClient], clinician: User
) -> None:
    client = api(clinician)
    assert client.get(PREDICTIONS).status_code == 200
    clinician.groups.clear()
    assert client.get(PREDICTIONS).status_code == 404


def test_too_many_requests_are_429(
    api: Callable[..., ContractClient], clinician: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CallerThrottle, "THROTTLE_RATES", {"caller": "2/min"})
    one, other = api(clinician), api(clinician)
    assert [one.get(PREDICTIONS).status_code for _ in range(3)] == [200, 200, 429]
    refused = one.get(PREDICTIONS)
    assert re.fullmatch(r"[1-9]\d?", refused.headers["Retry-After"])
    assert other.get(PREDICTIONS).status_code == 200  # each token has its own rate


def test_without_the_cache_nobody_is_throttled(
    api: Callable[..., ContractClient], clinician: User, settings: object
) -> None:
    client = api(clinician)
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}  # type: ignore[attr-defined]
    cache.close()
    assert client.get(PREDICTIONS).status_code == 200
