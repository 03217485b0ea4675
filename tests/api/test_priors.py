"""The prior by the API: the organisation's, one prediction's, and the case mix that makes one."""

from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.predictions.models import CaseMix
from tests.api.conftest import BODY, PREDICTIONS, errors_of, last_event, new_events
from tests.api.contract import ContractClient
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

PRIORS = "/api/v1/priors/"
MIX = "/api/v1/priors/case-mix/"


@pytest.fixture
def chooser(api: Callable[..., ContractClient], user_of: Callable[..., User]) -> ContractClient:
    return api(user_of(Role.DATA_SCIENTIST))


def test_the_priors_and_the_usual_one_can_be_read(client: ContractClient) -> None:
    answer = client.get(PRIORS).json()
    assert answer == {
        "default": "prevalence",
        "available": ["literature", "prevalence", "uniform"],
        "case_mix": None,
    }


def test_a_prediction_says_with_which_prior_it_was_made(
    client: ContractClient, chooser: ContractClient
) -> None:
    made = client.post(PREDICTIONS, BODY | {"prior": "uniform"}).json()
    assert made["prior"] == "uniform"
    assert client.get(f"{PREDICTIONS}{made['id']}/").json()["prior"] == "uniform"
    assert client.post(PREDICTIONS, BODY).json()["prior"] == "prevalence"
    chooser.put(PRIORS, {"prior": "literature"})
    assert client.post(PREDICTIONS, BODY | {"prior": None}).json()["prior"] == "literature"


@pytest.mark.parametrize(
    ("prior", "code"), [("clinic", "no_case_mix"), ("guess", "unknown_prior"), ("", "blank"), (3, "invalid")]
)
def test_a_prior_that_there_is_none_of_is_refused(client: ContractClient, prior: object, code: str) -> None:
    assert errors_of(client.post(PREDICTIONS, BODY | {"prior": prior})) == [("prior", code)]


def test_counts_make_the_prior_of_the_clinic(client: ContractClient, chooser: ContractClient) -> None:
    since = last_event()
    answer = chooser.put(MIX, {"counts": {MARFAN: 12}})
    assert answer.status_code == 200
    assert answer.json()["counts"] == {MARFAN: 12}
    [event] = new_events(since)
    assert (event.action, event.details) == (
        "prior.case_mix", {"source": "entered", "diseases": 1, "patients": 12},
    )  # fmt: skip
    assert chooser.put(PRIORS, {"prior": "clinic"}).json()["default"] == "clinic"
    made = client.post(PREDICTIONS, BODY).json()
    assert made["prior"] == "clinic"
    explained = client.get(f"{PREDICTIONS}{made['id']}/explanation/{MARFAN}/").json()
    assert explained["basis"]["own_patients"] == 12
    assert explained["basis"]["prior"] == "clinic"
    total = explained["base"] + sum(found["weight"] for found in explained["contributions"])
    assert total == pytest.approx(explained["score"], abs=1e-6)


def test_counts_of_diseases_that_the_model_knows_no_more_change_nothing(
    client: ContractClient, chooser: ContractClient
) -> None:
    mix = CaseMix.objects.get(pk=chooser.put(MIX, {"counts": {MARFAN: 12}}).json()["id"])
    CaseMix.objects.create(
        organisation_id=mix.organisation_id, entered_by_id=mix.entered_by_id, source=mix.source,
        counts={"OMIM:1": 7},
    )  # fmt: skip
    made = client.post(PREDICTIONS, BODY | {"prior": "clinic"}).json()
    usual = client.post(PREDICTIONS, BODY | {"prior": "prevalence"}).json()
    assert (made["prior"], made["ranking"]) == ("clinic", usual["ranking"])
    explained = client.get(f"{PREDICTIONS}{made['id']}/explanation/{MARFAN}/").json()
    assert explained["basis"]["own_patients"] == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"counts": {"OMIM:1": 1}}, ("counts.OMIM:1", "unknown_disease")),
        ({"counts": {MARFAN: -1}}, (f"counts.{MARFAN}", "min_value")),
        ({"counts": {MARFAN: True}}, (f"counts.{MARFAN}", "invalid")),
        ({"counts": {}}, ("counts", "no_counts")),
        ({}, ("body", "either_or")),
        ({"counts": {MARFAN: 1}, "from_outcomes": True}, ("body", "either_or")),
        ({"from_outcomes": True}, ("counts", "no_counts")),
    ],
)
def test_bad_counts_are_refused_disease_by_disease(
    chooser: ContractClient, body: object, error: tuple[str, str]
) -> None:
    assert errors_of(chooser.put(MIX, body)) == [error]


def test_diseases_have_all_their_ids_and_groups(client: ContractClient) -> None:
    made = client.post(PREDICTIONS, BODY).json()
    first = made["ranking"][0]
    assert first["ids"][0] == first["disease"]["id"]
    for row in made["ranking"]:
        if row["group"] is not None:
            members = [member["id"] for member in made["groups"][row["group"]]["members"]]
            assert row["disease"]["id"] in members
    assert made["groups"]
    assert all(len(group["members"]) > 1 for group in made["groups"])
