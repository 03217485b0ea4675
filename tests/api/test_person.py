"""Who a patient is, over the API: read and changed by his care team, found by the whole medical record number."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.cases.models import Case, Hold
from apps.privacy.holds import place_hold
from tests.api.conftest import CASES, errors_of, last_event, new_events
from tests.api.contract import ContractClient
from tests.pages.test_person import CANARY, PERSON, everything_stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(case_of: Callable[..., Case], clinician: User) -> Case:
    return case_of(clinician)


def address(case: Case) -> str:
    return f"{CASES}{case.pk}/person/"


def found(client: ContractClient, **query: str) -> list[str]:
    answer = client.get(CASES, query)
    assert CANARY not in json.dumps(answer.json()["results"])
    return [row["id"] for row in answer.json()["results"]]


def test_what_is_given_changes_and_the_rest_stays(client: ContractClient, case: Case) -> None:
    empty = dict.fromkeys(PERSON, "")
    assert client.get(address(case)).json() == empty | {"n_same_identifier": 0}
    since = last_event()
    assert client.patch(address(case), PERSON).json() == PERSON | {"n_same_identifier": 0}
    changed = client.patch(address(case), {"name": "", "note": " calls on Mondays "}).json()
    assert changed == PERSON | {"name": "", "note": "calls on Mondays", "n_same_identifier": 0}
    assert client.get(address(case)).json() == changed
    events = new_events(since)
    assert [(event.action, event.details) for event in events] == [
        ("person.change", {"fields": ["contact", "identifier", "name", "note"]}),
        ("person.change", {"fields": ["name", "note"]}),
        ("person.read", {}),
    ]
    assert all(event.patient_ids == [case.patient_id] for event in events)
    assert CANARY not in json.dumps(client.get(f"{CASES}{case.pk}/").json())
    stored = everything_stored()
    assert str(case.patient_id) in stored
    assert CANARY not in stored
    assert CANARY.encode().hex() not in stored


def test_what_cannot_be_kept_is_refused_by_its_field(client: ContractClient, case: Case) -> None:
    client.patch(address(case), PERSON)
    wrong: list[tuple[Any, tuple[str, str]]] = [
        ({}, ("body", "nothing_given")),
        ({"name": None}, ("name", "null")),
        ({"name": "a\0b"}, ("name", "null_characters_not_allowed")),
        ({"name": "x" * 201}, ("name", "max_length")),
        ({"identifier": 4711}, ("identifier", "invalid")),
        ({"identifier": "47\u202e11"}, ("identifier", "unseen_character")),
        ({"identifier": "x" * 81}, ("identifier", "max_length")),
        ({"contact": "x" * 501}, ("contact", "max_length")),
        ({"note": "x" * 4001}, ("note", "max_length")),
        ({"note": "fine", "pseudonym": "K7"}, ("pseudonym", "unknown_member")),
    ]
    for body, expected in wrong:
        assert errors_of(client.patch(address(case), body)) == [expected], body
    assert client.get(address(case)).json() == PERSON | {"n_same_identifier": 0}


def test_cases_are_found_by_the_whole_number_in_ones_own_care_alone(
    client: ContractClient,
    case: Case,
    case_of: Callable[..., Case],
    clinician: User,
    api: Callable[..., ContractClient],
    user_of: Callable[..., User],
    other_organisation: Organisation,
) -> None:
    twin, number = case_of(clinician), PERSON["identifier"]
    client.patch(address(case), PERSON)
    assert found(client, identifier=f" {number.lower()} ") == found(client, q=number) == [str(case.pk)]
    assert found(client, identifier=CANARY) == found(client, identifier=case.patient.pseudonym) == []
    assert found(client, identifier=number, outcome="closed") == []
    assert client.patch(address(twin), {"identifier": number}).json()["n_same_identifier"] == 1
    assert found(client, identifier=number) == [str(twin.pk), str(case.pk)]
    for stranger in (user_of(), user_of(Role.CLINICIAN, other_organisation)):
        other, own = api(stranger), case_of(stranger)
        assert found(other, identifier=number) == []
        assert other.get(address(case)).status_code == 404
        assert other.patch(address(case), {"name": "Nobody"}).status_code == 404
        n_same = 2 if stranger.organisation == clinician.organisation else 0
        assert other.patch(address(own), {"identifier": number}).json()["n_same_identifier"] == n_same
    assert errors_of(client.get(CASES, {"identifier": "a\0b"})) == [
        ("identifier", "null_characters_not_allowed")
    ]


def test_under_a_restriction_it_is_read_and_not_changed(
    client: ContractClient, case: Case, user_of: Any, actor_of: Callable[[User], Actor]
) -> None:
    client.patch(address(case), PERSON)
    officer = actor_of(user_of(Role.PRIVACY_OFFICER))
    place_hold(
        actor=officer,
        patient_id=case.patient_id,
        kind=Hold.Kind.RESTRICTION,
        reason="he contests what is recorded",
    )
    assert client.patch(address(case), {"name": "Ada"}).status_code == 403
    assert client.get(address(case)).json()["name"] == PERSON["name"]
