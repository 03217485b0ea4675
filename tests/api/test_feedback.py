"""What turned out, over the API."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import User
from apps.cases.models import Case, Outcome
from apps.predictions.models import Feedback
from tests.api.conftest import BODY, FEEDBACK, PREDICTIONS, errors_of, last_event, new_events
from tests.api.contract import ContractClient
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]


@pytest.fixture
def prediction(client: ContractClient, clinician: User, case_of: Callable[..., Case]) -> dict[str, Any]:
    return client.post(PREDICTIONS, {"case": str(case_of(clinician).pk)}).json()


def test_a_confirmed_diagnosis_becomes_the_outcome_of_the_case(
    client: ContractClient, prediction: dict[str, Any]
) -> None:
    before = last_event()
    response = client.post(FEEDBACK, {"prediction": prediction["id"], "diagnosis": MARFAN})
    assert response.status_code == 201
    said = response.json()
    assert said["diagnosis"] == {"id": MARFAN, "name": "Marfan syndrome"}
    assert said["none_of_these"] is False
    assert Outcome.objects.get(case_id=prediction["case"]).disease_id == MARFAN
    assert [event.action for event in new_events(before)] == ["feedback.create"]
    before = last_event()
    assert client.get(FEEDBACK, {"prediction": prediction["id"]}).json()["results"] == [said]
    [event] = new_events(before)
    assert event.action == "feedback.list"
    assert len(event.patient_ids) == 1


def test_none_of_these(client: ContractClient) -> None:
    prediction = client.post(PREDICTIONS, BODY).json()
    said = client.post(FEEDBACK, {"prediction": prediction["id"], "none_of_these": True}).json()
    assert (said["diagnosis"], said["none_of_these"], said["case"]) == (None, True, None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ("body", "either_or")),
        ({"diagnosis": MARFAN, "none_of_these": True}, ("body", "either_or")),
        ({"none_of_these": False}, ("body", "either_or")),
        ({"none_of_these": 1}, ("none_of_these", "invalid")),
        ({"diagnosis": "OMIM:1"}, ("diagnosis", "unknown_disease")),
        ({"diagnosis": None}, ("diagnosis", "null")),
        ({"diagnosis": "x" * 31}, ("diagnosis", "max_length")),
    ],
)
def test_one_of_the_two_is_said(
    client: ContractClient, prediction: dict[str, Any], said: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert errors_of(client.post(FEEDBACK, {"prediction": prediction["id"], **said})) == [expected]
    assert not Feedback.objects.exists()


def test_of_another_persons_prediction_nothing_can_be_said(
    api: Callable[..., ContractClient], user_of: Callable[..., User], prediction: dict[str, Any]
) -> None:
    stranger = api(user_of("clinician"))
    assert stranger.post(FEEDBACK, {"prediction": prediction["id"], "diagnosis": MARFAN}).status_code == 404
    assert stranger.get(FEEDBACK).json()["results"] == []
    assert not Feedback.objects.exists()
