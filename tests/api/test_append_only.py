"""The history and the trail: nobody changes them, and what cannot be recorded does not happen."""

from collections.abc import Callable, Iterator
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.predictions.models import Feedback, Prediction
from tests.api.conftest import BODY, CASES, FEEDBACK, PREDICTIONS
from tests.api.contract import ContractClient
from tests.conftest import MARFAN

pytestmark = pytest.mark.usefixtures("active_model")

TABLES = (
    "predictions_prediction", "predictions_feedback", "audit_auditevent", "registry_activation", "cases_consent",
    "cases_consenttext", "cases_rowversion",
)  # fmt: skip
CHANGES = ("UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE")


@pytest.fixture
def history(
    committed_db: None, api: Callable[..., ContractClient], clinician: User, case_of: Callable[..., Case]
) -> dict[str, Any]:
    client = api(clinician)
    case_of(clinician)  # with an act of consent
    prediction = client.post(PREDICTIONS, BODY).json()
    client.post(FEEDBACK, {"prediction": prediction["id"], "diagnosis": MARFAN})
    return prediction


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", CHANGES, ids=["update", "delete", "truncate"])
def test_the_applications_role_changes_nothing(history: dict[str, Any], table: str, change: str) -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|append-only"), connection.cursor() as cursor:
        cursor.execute(change.format(table))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", CHANGES, ids=["update", "delete", "truncate"])
def test_not_even_the_owner_does_by_accident(
    history: dict[str, Any], owner_cursor: psycopg.Cursor, table: str, change: str
) -> None:
    with pytest.raises(psycopg.Error, match="append-only"):
        owner_cursor.execute(change.format(table))  # type: ignore[arg-type]


def test_a_setting_of_its_own_opens_nothing_to_the_application(history: dict[str, Any]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('hoofbeat.purging', 'on', true)")
        with pytest.raises(DatabaseError, match="permission denied"):
            cursor.execute("DELETE FROM predictions_prediction")
        transaction.set_rollback(True)


@pytest.fixture
def silent_trail(committed_db: None, owner_cursor: psycopg.Cursor) -> Iterator[Callable[[], None]]:
    """Calling it takes the application's right to write the trail away; afterwards it has it again."""
    role = dj_database_url.parse(settings.APPLICATION_DATABASE_URL)["USER"]
    yield lambda: _execute(owner_cursor, f"REVOKE INSERT ON audit_auditevent FROM {role}")
    _execute(owner_cursor, f"GRANT INSERT ON audit_auditevent TO {role}")


def _execute(cursor: psycopg.Cursor, statement: str) -> None:
    cursor.execute(statement)  # type: ignore[arg-type]


def test_what_cannot_be_recorded_does_not_happen(
    silent_trail: Callable[[], None],
    api: Callable[..., ContractClient],
    clinician: User,
    case_of: Callable[..., Case],
) -> None:
    case, client = case_of(clinician), api(clinician)
    made = client.post(PREDICTIONS, {"case": str(case.pk)}).json()
    events, cases = AuditEvent.objects.count(), Case.objects.count()
    silent_trail()
    said = {"prediction": made["id"], "diagnosis": MARFAN}
    answers = [
        client.post(PREDICTIONS, BODY),
        client.post(PREDICTIONS, {"case": str(case.pk)}),
        client.post(CASES, {"pseudonym": "nobody"}),
        client.patch(f"{CASES}{case.pk}/", {"age": "P1Y"}),
        client.post(FEEDBACK, said),
        client.get(PREDICTIONS),
        client.get(f"{PREDICTIONS}{made['id']}/"),
        client.get(f"{PREDICTIONS}{made['id']}/explanation/{MARFAN}/"),
        client.get(CASES),
        client.get(f"{CASES}{case.pk}/"),
        client.get(FEEDBACK),
        client.get(f"{CASES}0198f3b2-7c1e-7d3a-9c54-2f1f0c6f6a11/"),
    ]
    assert [answer.status_code for answer in answers] == [503] * len(answers)
    assert not any(case.patient.pseudonym in answer.content.decode() for answer in answers)
    assert Prediction.objects.count() == 1
    assert not Feedback.objects.exists()
    assert Case.objects.count() == cases
    assert Case.objects.get().age == "P20Y"
    assert AuditEvent.objects.count() == events
