"""What each address may cost: a budget of database queries that does not grow with the number of rows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.cases.models import Case
from apps.registry.models import ModelVersion
from tests.api.conftest import BODY, CASES, FEEDBACK, PREDICTIONS
from tests.api.contract import ContractClient
from tests.conftest import MARFAN

pytestmark = pytest.mark.django_db

# name -> most queries. Two of each are the token and the roles; a transaction inside the test's own costs two more
# (SAVEPOINT and RELEASE, which stand for BEGIN and COMMIT); one writes the audit event.
# Two more are not in these figures: the database backend names nobody, and then the organisation (ADR 27).
BUDGETS = {
    "predict findings": 8,
    "predict a case": 12,
    "ask next": 6,
    "ask next of a case": 11,
    "list predictions": 7,
    "read a prediction": 9,  # 2 of them: what its case says now
    "explain": 7,
    "list cases": 6,
    "read a case": 8,
    "enter a case": 25,
    "change a case": 25,
    "read who a patient is": 8,
    "change who a patient is": 16,
    "list feedback": 6,
    "give feedback": 13,
    "read consents": 10,
    "record consent": 12,
    "list texts of consent": 3,
    "read the priors": 6,
    "read a note": 6,
    "search terms": 4,
    "read a term": 3,
    "search diseases": 6,
    "read a disease": 4,
    "list models": 4,
    "read a model": 4,
}


@pytest.fixture
def calls(
    monkeypatch: pytest.MonkeyPatch,
    client: ContractClient,
    clinician: User,
    case_of: Callable[..., Case],
    active_model: ModelVersion,
) -> dict[str, Callable[[], Any]]:
    # Once a second, whoever predicts also looks which model is active; a slow machine must not fail for it.
    monkeypatch.setattr("apps.registry.running._SECONDS_BETWEEN_LOOKS", 3600.0)
    cases = [case_of(clinician) for _ in range(3)]
    made = [client.post(PREDICTIONS, {"case": str(case.pk)}).json()["id"] for case in cases]
    for prediction in made:
        client.post(FEEDBACK, {"prediction": prediction, "diagnosis": MARFAN})
    case, prediction = f"{CASES}{cases[0].pk}/", f"{PREDICTIONS}{made[0]}/"
    entered = {"pseudonym": "new", "findings": BODY["findings"], "consent": {"care": True}}
    return {
        "predict findings": lambda: client.post(PREDICTIONS, BODY),
        "predict a case": lambda: client.post(PREDICTIONS, {"case": str(cases[0].pk)}),
        "ask next": lambda: client.post(f"{PREDICTIONS}ask-next/", BODY),
        "ask next of a case": lambda: client.post(f"{PREDICTIONS}ask-next/", {"case": str(cases[0].pk)}),
        "list predictions": lambda: client.get(PREDICTIONS),
        "read a prediction": lambda: client.get(prediction),
        "explain": lambda: client.get(f"{prediction}explanation/{MARFAN}/"),
        "list cases": lambda: client.get(CASES),
        "read a case": lambda: client.get(case),
        "enter a case": lambda: client.post(CASES, entered),
        "change a case": lambda: client.patch(case, {"findings": {"absent": []}}),
        "read who a patient is": lambda: client.get(f"{case}person/"),
        "change who a patient is": lambda: client.patch(f"{case}person/", {"identifier": "4711"}),
        "list feedback": lambda: client.get(FEEDBACK),
        "give feedback": lambda: client.post(FEEDBACK, {"prediction": made[0], "diagnosis": MARFAN}),
        "read consents": lambda: client.get(f"{case}consents/"),
        "record consent": lambda: client.post(
            f"{case}consents/", {"purpose": "training", "given": True, "channel": "oral"}
        ),
        "list texts of consent": lambda: client.get("/api/v1/consent-texts/"),
        "read the priors": lambda: client.get("/api/v1/priors/"),
        "read a note": lambda: client.post("/api/v1/notes/findings/", {"text": "Ectopia lentis."}),
        "search terms": lambda: client.get("/api/v1/terms/", {"q": "fingers"}),
        "read a term": lambda: client.get("/api/v1/terms/HP:0001166/"),
        "search diseases": lambda: client.get("/api/v1/diseases/", {"q": "marfan"}),
        "read a disease": lambda: client.get(f"/api/v1/diseases/{MARFAN}/"),
        "list models": lambda: client.get("/api/v1/models/"),
        "read a model": lambda: client.get(f"/api/v1/models/{active_model.number}/"),
    }


def test_each_address_has_a_budget(calls: dict[str, Callable[[], Any]]) -> None:
    assert calls.keys() == BUDGETS.keys()


@pytest.mark.parametrize("name", BUDGETS)
def test_an_address_keeps_its_budget(calls: dict[str, Callable[[], Any]], name: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        response = calls[name]()
    assert response.status_code in {200, 201}
    statements = [query["sql"][:150] for query in captured.captured_queries]
    assert len(statements) <= BUDGETS[name], "\n".join(statements)
