"""Cases over the API: entering, changing, finding, and who may see them."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.audit.models import AuditEvent
from apps.cases.models import Case, Consent, Finding
from apps.cases.services import record_outcome, share_case
from tests.api.conftest import CASES, PREDICTIONS, errors_of, last_event, new_events
from tests.api.contract import ContractClient
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

BODY: dict[str, Any] = {
    "pseudonym": "K7-0042",
    "sex": "female",
    "age": "P20Y",
    "findings": {"present": ["HP:0001505", "HP:0001083"], "absent": ["HP:0000193"]},
    "consent": {"care": True, "training": False},
}


def address(case: Case | str) -> str:
    return f"{CASES}{case if isinstance(case, str) else case.pk}/"


def ids(found: list[dict[str, str]]) -> list[str]:
    return [finding["id"] for finding in found]


def test_a_case_is_entered_read_and_predicted(client: ContractClient) -> None:
    response = client.post(CASES, BODY)
    assert response.status_code == 201
    entered = response.json()
    assert entered["findings"]["present"] == [
        {"id": "HP:0001166", "label": "Arachnodactyly"},
        {"id": "HP:0001083", "label": "Ectopia lentis"},
    ]
    assert [notice["finding"] for notice in entered["notices"]] == ["HP:0001505"]
    assert entered["consent"] == {"care": True, "training": False, "research": False}
    read = client.get(response.headers["Location"].removeprefix("http://testserver")).json()
    assert read == {**entered, "notices": []}
    assert client.post(PREDICTIONS, {"case": entered["id"]}).status_code == 201


def test_a_draft_may_have_no_finding_and_no_consent(client: ContractClient) -> None:
    entered = client.post(CASES, {"pseudonym": "K7-0001"}).json()
    assert (entered["sex"], entered["age"]) == ("unknown", "")
    assert entered["consent"] == {"care": False, "training": False, "research": False}
    assert entered["findings"] == {"present": [], "absent": [], "uncertain": []}
    assert client.post(PREDICTIONS, {"case": entered["id"]}).status_code == 403


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"pseudonym": ""}, ("pseudonym", "blank")),
        ({"pseudonym": "   "}, ("pseudonym", "blank")),
        ({"pseudonym": "x" * 81}, ("pseudonym", "max_length")),
        ({"pseudonym": "a\0b"}, ("pseudonym", "null_characters_not_allowed")),
        ({"pseudonym": 7}, ("pseudonym", "invalid")),
        ({"sex": "F"}, ("sex", "unknown_sex")),
        ({"age": "P200Y"}, ("age", "invalid_age")),
        ({"age": "P1Y2M3W4DT5H6M7.1234S"}, ("age", "max_length")),
        ({"findings": {"present": ["HP:9999999"]}}, ("findings.present[0]", "unknown_finding")),
        (
            {"findings": {"present": ["HP:0001166"], "absent": ["HP:0001505"]}},
            ("findings.absent[0]", "contradictory"),
        ),
        ({"consent": {"care": "yes"}}, ("consent.care", "invalid")),
        ({"consent": {"sale": True}}, ("consent.sale", "unknown_member")),
        ({"name": "Jane Doe"}, ("name", "unknown_member")),
    ],
)
def test_a_case_that_is_not_sound_is_refused(
    client: ContractClient, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert expected in errors_of(client.post(CASES, BODY | change))
    assert not Case.objects.exists()


def test_a_pseudonym_is_given_once(client: ContractClient) -> None:
    assert client.post(CASES, BODY).status_code == 201
    assert errors_of(client.post(CASES, BODY)) == [("pseudonym", "taken")]
    assert Case.objects.count() == 1


def test_what_is_given_changes_and_the_rest_stays(client: ContractClient) -> None:
    case_id = client.post(CASES, BODY).json()["id"]
    changed = client.patch(
        address(case_id), {"age": "P21Y", "findings": {"absent": []}, "consent": {"training": True}}
    ).json()
    assert changed["age"] == "P21Y"
    assert changed["sex"] == "female"
    assert ids(changed["findings"]["present"]) == ["HP:0001166", "HP:0001083"]
    assert changed["findings"]["absent"] == []
    assert changed["consent"] == {"care": True, "training": True, "research": False}
    emptied = client.patch(address(case_id), {"age": "", "findings": {"present": ["HP:0002616"]}}).json()
    assert emptied["age"] == ""
    assert ids(emptied["findings"]["present"]) == ["HP:0002616"]


def test_a_case_stays_sound_as_a_whole(client: ContractClient) -> None:
    case_id = client.post(CASES, BODY).json()["id"]
    response = client.patch(address(case_id), {"findings": {"absent": ["HP:0001166"]}})
    assert errors_of(response) == [("findings.absent[0]", "contradictory")]
    for nothing in ({}, {"findings": {}}, {"consent": {}, "findings": {}}):
        assert errors_of(client.patch(address(case_id), nothing)) == [("body", "nothing_given")]
    assert Finding.objects.filter(case_id=case_id, is_present=False).count() == 1


def test_the_list_is_filtered(
    client: ContractClient, clinician: User, case_of: Callable[..., Case], actor_of: Callable[[User], Actor]
) -> None:
    first = case_of(clinician, pseudonym="alpha 100%", sex="male")
    second = case_of(clinician, pseudonym="beta")
    record_outcome(actor=actor_of(clinician), case_id=second.pk, disease_id=MARFAN)

    def found(**query: str) -> list[str]:
        return ids(client.get(CASES, query).json()["results"])

    assert found() == [str(second.pk), str(first.pk)]
    assert found(q=" ＡLPHA  100%") == [str(first.pk)]
    assert found(q="alpha") == found(q="%") == []
    assert found(q="marfan") == [str(second.pk)]
    assert found(q="") == [str(second.pk), str(first.pk)]
    assert found(sex="male") == [str(first.pk)]
    assert found(outcome="closed") == [str(second.pk)]
    assert found(outcome="open") == [str(first.pk)]
    row = client.get(CASES, {"outcome": "closed"}).json()["results"][0]
    assert (row["is_closed"], row["diagnosis"]["id"]) == (True, MARFAN)
    assert errors_of(client.get(CASES, {"sex": "F"})) == [("sex", "invalid_choice")]


def test_each_act_leaves_exactly_one_event(client: ContractClient, clinician: User) -> None:
    before = last_event()
    case_id = client.post(CASES, BODY).json()["id"]
    assert [event.action for event in new_events(before)] == ["case.create"]
    for method, path, body, action in (
        ("get", CASES, None, "case.list"),
        ("get", address(case_id), None, "case.read"),
        ("patch", address(case_id), {"age": "P22Y"}, "case.change"),
        ("patch", address(case_id), {"consent": {"training": True}}, "consent.give"),
    ):
        before = last_event()
        assert getattr(client, method)(path, body).status_code == 200
        [event] = new_events(before)
        assert event.action == action
        assert [str(identifier) for identifier in event.object_ids] == [case_id]
        assert len(event.patient_ids) == 1


def test_events_hold_no_pseudonym_and_no_finding(client: ContractClient) -> None:
    before = last_event()
    case_id = client.post(CASES, BODY).json()["id"]
    client.patch(address(case_id), {"findings": {"present": ["HP:0002616"]}})
    client.get(CASES, {"q": "K7-0042"})
    written = " ".join(str(vars(event)) for event in new_events(before))
    assert "K7-0042" not in written
    assert "HP:" not in written


def test_a_colleague_outside_the_care_team_sees_nothing(
    api: Callable[..., ContractClient],
    clinician: User,
    user_of: Callable[..., User],
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
) -> None:
    case, colleague = case_of(clinician), user_of("clinician")
    theirs = api(colleague)
    assert theirs.get(address(case)).status_code == 404
    assert theirs.get(CASES).json()["results"] == []
    share_case(actor=actor_of(clinician), case_id=case.pk, user_id=colleague.pk)
    assert theirs.get(address(case)).status_code == 200


@pytest.mark.parametrize("method", ["get", "patch", "predict", "history"])
def test_another_organisations_case_is_404_with_an_event_and_no_row_changed(
    client: ContractClient,
    clinician: User,
    user_of: Callable[..., User],
    other_organisation: Organisation,
    case_of: Callable[..., Case],
    method: str,
) -> None:
    case = case_of(user_of("clinician", other_organisation))
    tables = (Case, Finding, Consent)
    rows = [list(table.objects.order_by("pk").values()) for table in tables]
    before = last_event()
    if method == "history":
        response = client.get(PREDICTIONS, {"case": str(case.pk)})
        assert response.json()["results"] == []
        return
    calls: dict[str, Callable[[], Any]] = {
        "get": lambda: client.get(address(case)),
        "patch": lambda: client.patch(address(case), {"age": "P1Y", "consent": {"care": False}}),
        "predict": lambda: client.post(PREDICTIONS, {"case": str(case.pk)}),
    }
    response = calls[method]()
    assert response.status_code == 404
    assert str(case.patient.pseudonym) not in response.content.decode()
    assert [list(table.objects.order_by("pk").values()) for table in tables] == rows
    [event] = new_events(before)
    assert (event.outcome, event.actor_id, event.object_ids) == ("denied", clinician.pk, [case.pk])


def test_a_denial_tells_no_more_than_an_id_that_never_was(
    client: ContractClient,
    user_of: Callable[..., User],
    other_organisation: Organisation,
    case_of: Callable[..., Case],
) -> None:
    there = client.get(address(case_of(user_of("clinician", other_organisation)))).json()
    never = client.get(address("0198f3b2-7c1e-7d3a-9c54-2f1f0c6f6a11")).json()
    assert {**there, "request_id": ""} == {**never, "request_id": ""}
    assert AuditEvent.objects.filter(outcome="denied").count() == 2


def test_uncertain_findings_are_kept_apart_and_ranked_without(
    api: Any, clinician: Any, active_model: Any
) -> None:
    client = api(clinician)
    findings = {
        "present": ["HP:0001166", "HP:0001083"],
        "absent": [],
        "uncertain": ["HP:0002650", "HP:0001166"],
    }
    body = {"pseudonym": "U-1", "findings": findings, "consent": {"care": True}}
    entered = client.post("/api/v1/cases/", body, format="json")
    assert entered.status_code == 201
    # what is present is no longer uncertain
    assert [term["id"] for term in entered.json()["findings"]["uncertain"]] == ["HP:0002650"]
    address = f"/api/v1/cases/{entered.json()['id']}/"
    with_it = client.post("/api/v1/predictions/", {"case": entered.json()["id"]}, format="json").json()
    assert with_it["input"]["uncertain"] == ["HP:0002650"]
    stated = {"present": ["HP:0001166", "HP:0001083"]}
    without = client.post("/api/v1/predictions/", {"findings": stated}, format="json").json()
    assert without["input"]["uncertain"] == []
    assert with_it["ranking"] == without["ranking"]
    changed = client.patch(address, {"findings": {"uncertain": ["HP:0000193"]}}, format="json").json()[
        "findings"
    ]
    assert [term["id"] for term in changed["uncertain"]] == ["HP:0000193"]
    assert len(changed["present"]) == 2
    refused = client.patch(address, {"findings": {"uncertain": ["HP:9999999"]}}, format="json")
    assert refused.status_code == 422
    assert "findings.uncertain" in refused.content.decode()
