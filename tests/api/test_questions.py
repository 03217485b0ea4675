"""What to ask next, by the API; and what a prediction says of itself."""

from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.cases.models import Case, UnknownFinding
from tests.api.conftest import BODY, PREDICTIONS, errors_of, last_event, new_events
from tests.api.contract import ContractClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

ASK = "/api/v1/predictions/ask-next/"
FEW = {"findings": {"present": ["HP:0001166", "HP:0001083"]}, "age": "P20Y"}


def ids(answer: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    return [question["finding"]["id"] for question in answer["questions"]]


def test_questions_come_most_telling_first(client: ContractClient) -> None:
    since = last_event()
    answer = client.post(ASK, FEW).json()
    gains = [question["gain_bits"] for question in answer["questions"]]
    assert len(gains) == 5
    assert gains == sorted(gains, reverse=True)
    assert all(0 <= question["probability"] <= 1 for question in answer["questions"])
    [event] = new_events(since)
    assert (event.action, event.object_ids, event.details) == ("prediction.ask", [], {})


def test_what_was_asked_in_vain_is_left_out_and_dear_questions_come_later(client: ContractClient) -> None:
    first = ids(client.post(ASK, FEW).json())[0]
    assert first not in ids(client.post(ASK, FEW | {"unknown": [first]}).json())
    dear = client.post(ASK, FEW | {"costs": {first: 1000, "HP:9999999": 3}}).json()
    assert first not in ids(dear)
    assert len(ids(client.post(ASK, FEW | {"limit": 2, "prior": "uniform"}).json())) == 2


def test_of_a_case_the_unknown_findings_are_left_out(
    client: ContractClient, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician)
    first = ids(client.post(ASK, {"case": str(case.pk)}).json())[0]
    UnknownFinding.objects.create(case=case, term_id=first, recorded_by=clinician)
    since = last_event()
    assert first not in ids(client.post(ASK, {"case": str(case.pk)}).json())
    [event] = new_events(since)
    assert (event.action, event.object_ids, event.patient_ids) == (
        "prediction.ask", [case.pk], [case.patient_id],
    )  # fmt: skip


def test_without_consent_to_care_nothing_is_asked(
    client: ContractClient, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician, consents={})
    assert client.post(ASK, {"case": str(case.pk)}).status_code == 403


def test_a_case_of_others_is_not_found(
    client: ContractClient, case_of: Callable[..., Case], user_of: Callable[..., User]
) -> None:
    assert client.post(ASK, {"case": str(case_of(user_of()).pk)}).status_code == 404


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"unknown": ["HP:9999999"]}, ("unknown[0]", "unknown_finding")),
        ({"unknown": ["HP:0000005"]}, ("unknown[0]", "unknown_finding")),
        ({"costs": {"HP:0001166": 0}}, ("costs.HP:0001166", "min_value")),
        ({"limit": 51}, ("limit", "max_value")),
        ({"prior": "guess"}, ("prior", "unknown_prior")),
        ({"findings": {"present": []}}, ("findings.present", "no_finding")),
    ],
)
def test_bad_input_is_named(client: ContractClient, more: dict[str, object], error: tuple[str, str]) -> None:
    assert errors_of(client.post(ASK, FEW | more)) == [error]


def test_a_prediction_says_whether_its_findings_are_enough(client: ContractClient) -> None:
    made = client.post(PREDICTIONS, BODY).json()
    assert made["sufficiency"]["level"] == "sufficient"
    stored = client.get(f"{PREDICTIONS}{made['id']}/").json()
    assert stored["sufficiency"] == made["sufficiency"]
    assert stored["pairs"] == made["pairs"]
    general = client.post(PREDICTIONS, {"findings": {"present": ["HP:0000707"]}}).json()
    assert general["sufficiency"]["level"] == "general"
    assert general["sufficiency"]["wanted"]


def test_a_prediction_carries_its_set_and_what_none_of_these_weighs(client: ContractClient) -> None:
    made = client.post(PREDICTIONS, BODY | {"prior": "literature"}).json()
    assert 0 <= made["none_of_these"] <= 1
    assert made["set"]["size"] >= 1
    assert made["ranking"][0]["in_set"] is True
    stored = client.get(f"{PREDICTIONS}{made['id']}/").json()
    assert (stored["set"], stored["none_of_these"]) == (made["set"], made["none_of_these"])
    listed = [row["in_set"] for row in made["ranking"]]
    assert listed == sorted(listed, reverse=True)
    assert sum(listed) <= made["set"]["size"]
    other = client.post(PREDICTIONS, BODY | {"prior": "uniform"}).json()
    assert other["set"] is None
    assert other["calibrated"] is False
