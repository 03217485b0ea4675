"""How many queries each page may cost, as data; more rows must not cost more."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.cases.models import Case
from apps.registry.models import Shadow
from tests.permissions.house import experiment_of, report_of

pytestmark = pytest.mark.django_db

# Of these, a signed-in page costs 4 (session, account, roles, organisation), a recorded one 3 more (a transaction's
# two, the event).
BUDGET = {
    "cases:list": 9,
    "cases:export": 7,
    "cases:new": 4,
    "cases:person": 10,
    "cases:consent": 13,
    "predictions:history": 10,
    "predictions:export": 9,
    "predictions:consultation": 20,
    "predictions:outcome": 12,
    "predictions:detail": 12,
    "predictions:reasons": 8,
    "predictions:priors": 9,
    "knowledge:disease": 7,
    "knowledge:terms": 6,
    "accounts:account": 5,
    "oauth:programs": 5,
    "oauth:clients": 7,
    "datasets:sources": 8,
    "datasets:versions": 5,
    "lifecycle:models": 12,  # confirmed cases are counted in each organisation by itself (ADR 27)
    "lifecycle:experiments": 6,
    "lifecycle:experiment": 8,
    "lifecycle:new-experiment": 10,
    "lifecycle:monitoring": 13,
    "lifecycle:report": 6,
    "lifecycle:shadow": 9,  # and two in each organisation with scores
    "privacy:retention": 10,
    "privacy:holds": 8,
    "privacy:research": 6,
    "privacy:access-report": 14,
    "privacy:processing": 4,
    "audit:events": 9,
    "audit:integrity": 10,
}
ROLES = {
    "predictions:priors": Role.ADMINISTRATOR,
    "datasets:sources": Role.DATA_SCIENTIST,
    "datasets:versions": Role.DATA_SCIENTIST,
    "lifecycle:models": Role.DATA_SCIENTIST,
    "lifecycle:new-experiment": Role.DATA_SCIENTIST,
    "lifecycle:monitoring": Role.DATA_SCIENTIST,
    "lifecycle:report": Role.DATA_SCIENTIST,
    "lifecycle:shadow": Role.DATA_SCIENTIST,
    "privacy:retention": Role.PRIVACY_OFFICER,
    "privacy:holds": Role.PRIVACY_OFFICER,
    "privacy:research": Role.PRIVACY_OFFICER,
    "privacy:access-report": Role.PRIVACY_OFFICER,
    "privacy:processing": Role.PRIVACY_OFFICER,
    "audit:events": Role.AUDITOR,
    "audit:integrity": Role.AUDITOR,
    "oauth:clients": Role.ADMINISTRATOR,
}


@pytest.mark.parametrize("name", BUDGET)
def test_a_page_keeps_to_its_queries_however_many_rows(
    name: str,
    page: Any,
    user_of: Any,
    clinician: User,
    case_of: Callable[..., Case],
    active_model: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Once a second, a page also looks which model is active; a slow machine must not fail for it.
    monkeypatch.setattr("apps.registry.running._SECONDS_BETWEEN_LOOKS", 3600.0)
    browser = page(clinician)
    case = case_of(clinician)
    browser.post(reverse("predictions:predict", args=[case.pk]))
    Shadow.objects.create(model=active_model, is_on=False, set_by_id=clinician.pk, reason="it was tried")
    reader = page(user_of(ROLES[name])) if name in ROLES else browser
    addresses = {
        "predictions:consultation": [case.pk],
        "predictions:outcome": [case.pk],
        "privacy:access-report": [case.patient_id],
        "cases:person": [case.pk],
        "cases:consent": [case.pk],
        "predictions:detail": [case.predictions.get().pk],
        "predictions:reasons": [case.predictions.get().pk, "OMIM:154700"],
        "knowledge:disease": ["OMIM:154700"],
        "lifecycle:experiment": [experiment_of(active_model).pk],
        "lifecycle:report": [report_of(active_model).pk],
    }
    address = reverse(name, args=addresses.get(name, [])) + (
        "?q=arachno" if name == "knowledge:terms" else ""
    )
    asked = count(reader, address)
    few = len(asked)
    for _ in range(4):
        another = case_of(clinician)
        browser.post(reverse("predictions:predict", args=[another.pk]))
        browser.post(reverse("predictions:predict", args=[case.pk]))
        report_of(active_model)
    assert len(count(reader, address)) == few
    assert few <= BUDGET[name], "\n".join(query["sql"][:150] for query in asked)


def count(browser: Client, address: str) -> list[dict[str, str]]:
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(address).status_code == 200
    return queries.captured_queries
