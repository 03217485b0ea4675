"""A token may what was ticked and its owner still may, in the organisation where it was made; its last use is shown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import ApiToken, Organisation, User
from apps.accounts.selectors import get_actor
from apps.accounts.services import issue_token
from apps.audit.models import AuditEvent
from apps.core.problems import Denied
from tests.api.contract import ContractClient

pytestmark = pytest.mark.django_db

CASES, TERMS = "/api/v1/cases/", "/api/v1/terms/?q=fingers"


def program(user: User, *scopes: str) -> tuple[ApiToken, ContractClient]:
    token, secret = issue_token(actor=get_actor(user=user), name="program", scopes=scopes)
    client = ContractClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return token, client


def test_it_may_what_was_ticked(clinician: User, knowledge: Any) -> None:
    token, client = program(clinician, "knowledge.read")
    allowed, denied = client.get(TERMS).status_code, client.get(CASES).status_code
    print(f"scope knowledge.read: terms {allowed}, cases {denied}")
    assert (allowed, denied) == (200, 404)
    event = AuditEvent.objects.latest("sequence")
    assert (event.outcome, event.action, event.token_id) == ("denied", "case.read", token.public_id)


def test_it_loses_what_its_owner_loses(clinician: User) -> None:
    _token, client = program(clinician, "case.read")
    assert client.get(CASES).status_code == 200
    clinician.groups.clear()
    assert client.get(CASES).status_code == 404


@pytest.mark.parametrize("scope", ["audit.read", "account.self", "nothing"])
def test_nobody_gives_what_he_lacks(clinician: User, scope: str) -> None:
    with pytest.raises(Denied):
        program(clinician, scope)


def test_it_stays_in_its_organisation(clinician: User, other_organisation: Organisation) -> None:
    _token, client = program(clinician, "case.read")
    clinician.organisation = other_organisation
    clinician.save()
    assert client.get(CASES).status_code == 401


def test_the_last_use_costs_a_write_once_a_minute(clinician: User, page: Callable[..., Client]) -> None:
    token, client = program(clinician, "case.read")
    assert "never" in page(clinician).get("/account/").content.decode()

    def writes() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(CASES).status_code == 200
        return sum('UPDATE "accounts_apitoken"' in query["sql"] for query in queries)

    counted = [writes() for _ in range(5)]
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now() - timedelta(seconds=61))
    counted.append(writes())
    print(f"writes of the last use: {counted}")
    assert counted == [1, 0, 0, 0, 0, 1]
    assert "never" not in page(clinician).get("/account/").content.decode()
