"""A REST client that holds each answer against the OpenAPI document, and shorthands of these tests."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import ApiToken, User
from apps.audit.models import AuditEvent
from tests.api.contract import ContractClient
from tests.conftest import MARFAN_FINDINGS

PREDICTIONS = "/api/v1/predictions/"
CASES = "/api/v1/cases/"
FEEDBACK = "/api/v1/feedback/"

BODY = {
    "findings": {"present": list(MARFAN_FINDINGS), "absent": ["HP:0000193"]},
    "sex": "female",
    "age": "P20Y",
}


@pytest.fixture
def api(token_of: Callable[..., tuple[ApiToken, str]]) -> Callable[..., ContractClient]:
    """`api(user)` sends a token of his; `api()` sends none."""

    def client(user: User | None = None) -> ContractClient:
        made = ContractClient(raise_request_exception=False)
        if user is not None:
            made.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user)[1]}")
        return made

    return client


@pytest.fixture
def client(api: Callable[..., ContractClient], clinician: User) -> ContractClient:
    """A clinician's program."""
    return api(clinician)


def errors_of(response: Any) -> list[tuple[str, str]]:
    """(field, code) of each error of a 422."""
    assert response.status_code == 422, response.content
    return [(error["field"], error["code"]) for error in response.json()["errors"]]


def new_events(since: int) -> list[AuditEvent]:
    """Events after `since`, oldest first."""
    return list(AuditEvent.objects.filter(sequence__gt=since).order_by("sequence"))


def last_event() -> int:
    """Number of the newest event."""
    newest = AuditEvent.objects.order_by("-sequence").first()
    return newest.sequence if newest else 0
