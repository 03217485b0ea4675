"""Asking for a differential diagnosis, finding it again, and why each disease has its place."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.cases.consents import record_consent
from apps.cases.models import Case
from apps.predictions.models import Prediction
from apps.registry.models import ModelVersion
from tests.api.conftest import BODY, CASES, PREDICTIONS, last_event, new_events
from tests.api.contract import ContractClient
from tests.conftest import MARFAN, MARFAN_FINDINGS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]


def test_the_answer_is_stored_and_its_id_finds_it(client: ContractClient, active_model: ModelVersion) -> None:
    response = client.post(PREDICTIONS, BODY)
    assert response.status_code == 201
    answer = response.json()
    stored = Prediction.objects.get(pk=answer["id"])
    assert answer["model"] == {
        "number": active_model.number,
        "artefact_hash": active_model.artefact_hash,
        "knowledge_version": active_model.knowledge_version,
    }
    assert stored.model_hash == active_model.artefact_hash
    assert stored.input == answer["input"]
    assert [[row["disease"]["id"], row["probability"]] for row in answer["ranking"]] == stored.output[
        "ranking"
    ]
    assert answer["case"] is None
    assert answer["advice"] == "The system advises; a clinician decides."
    again = client.get(urlsplit(response.headers["Location"]).path)
    assert again.json() == answer


def test_the_ranking_is_a_ranking(client: ContractClient) -> None:
    ranking = client.post(PREDICTIONS, BODY).json()["ranking"]
    assert [row["rank"] for row in ranking] == list(range(1, 101))
    probabilities = [row["probability"] for row in ranking]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1 + 1e-6
    assert MARFAN in [row["disease"]["id"] for row in ranking[:3]]
    assert all(row["disease"]["name"] != row["disease"]["id"] for row in ranking)


def test_absent_findings_sex_and_age_matter_or_are_said_to_be_optional(client: ContractClient) -> None:
    bare = client.post(PREDICTIONS, {"findings": {"present": list(MARFAN_FINDINGS)}}).json()
    assert bare["input"] == {
        "present": list(MARFAN_FINDINGS),
        "absent": [],
        "uncertain": [],
        "age": None,
        "sex": None,
    }
    excluded = client.post(
        PREDICTIONS, {"findings": {"present": list(MARFAN_FINDINGS[1:]), "absent": [MARFAN_FINDINGS[0]]}}
    ).json()
    assert [r["probability"] for r in bare["ranking"]] != [r["probability"] for r in excluded["ranking"]]


def test_a_case_is_predicted_as_it_stands(
    client: ContractClient, clinician: User, case_of: Callable[..., Case]
) -> None:
    case = case_of(clinician)
    answer = client.post(PREDICTIONS, {"case": str(case.pk)}).json()
    assert answer["case"] == str(case.pk)
    assert answer["input"]["present"] == list(MARFAN_FINDINGS)
    assert answer["input"]["age"] == "P20Y"


def test_after_a_rectification_the_old_answer_is_kept_and_named_superseded(
    api: Callable[..., ContractClient], clinician: User, case_of: Callable[..., Case]
) -> None:
    case, client = case_of(clinician), api(clinician)
    elsewhere = client.post(PREDICTIONS, {"case": str(case_of(clinician).pk)}).json()
    first = client.post(PREDICTIONS, {"case": str(case.pk)}).json()
    assert (first["superseded_by"], first.pop("is_outdated")) == (None, False)
    client.patch(f"{CASES}{case.pk}/", {"sex": "male", "age": "P31Y"})
    # Nobody has asked again yet; that it no longer holds is told all the same.
    rectified = client.get(f"{PREDICTIONS}{first['id']}/").json()
    assert (rectified["superseded_by"], rectified["is_outdated"]) == (None, True)
    second = client.post(PREDICTIONS, {"case": str(case.pk)}).json()
    third = client.post(PREDICTIONS, {"case": str(case.pk)}).json()
    again = client.get(f"{PREDICTIONS}{first['id']}/").json()
    assert (again.pop("superseded_by"), again.pop("is_outdated")) == (third["id"], True)
    assert client.get(f"{PREDICTIONS}{third['id']}/").json()["is_outdated"] is False
    assert first.pop("superseded_by") is None
    assert again == first  # nothing else of it has changed
    listed = client.get(PREDICTIONS).json()["results"]
    assert {row["id"]: row["superseded_by"] for row in listed} == {
        elsewhere["id"]: None,
        first["id"]: third["id"],
        second["id"]: third["id"],
        third["id"]: None,
    }


def test_without_consent_to_care_nothing_is_predicted(
    client: ContractClient, clinician: User, case_of: Callable[..., Case], actor_of: Callable[[User], Actor]
) -> None:
    case = case_of(clinician)
    record_consent(actor=actor_of(clinician), case_id=case.pk, purpose="care", is_given=False)
    assert client.post(PREDICTIONS, {"case": str(case.pk)}).status_code == 403
    assert not Prediction.objects.exists()


def test_the_history_is_paged_and_filtered(
    client: ContractClient, clinician: User, case_of: Callable[..., Case], active_model: ModelVersion
) -> None:
    case = case_of(clinician)
    made = [client.post(PREDICTIONS, BODY).json()["id"] for _ in range(4)]
    of_case = client.post(PREDICTIONS, {"case": str(case.pk)}).json()["id"]
    newest_first = [of_case, *reversed(made)]

    seen: list[str] = []
    address: str | None = f"{PREDICTIONS}?limit=2"
    while address:
        page = client.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
    assert seen == newest_first
    last = client.get(f"{PREDICTIONS}?limit=2&before={seen[3]}").json()
    back = client.get(last["previous"]).json()
    assert [row["id"] for row in back["results"]] == seen[2:4]

    def found(**query: Any) -> list[str]:
        return [row["id"] for row in client.get(PREDICTIONS, query).json()["results"]]

    assert found(case=str(case.pk)) == [of_case]
    assert found(model=active_model.number) == newest_first
    assert found(model=active_model.number + 1) == []
    soon = (timezone.now() + timedelta(minutes=1)).isoformat()
    assert found(created_after=soon) == []
    assert found(created_before=soon) == newest_first
    assert len(client.get(PREDICTIONS).json()["results"][0]["ranking"]) == 3


def test_an_explanation_adds_up_and_shows_its_sources(client: ContractClient) -> None:
    prediction = client.post(PREDICTIONS, BODY).json()
    first = prediction["ranking"][0]
    why = client.get(f"{PREDICTIONS}{prediction['id']}/explanation/{first['disease']['id']}/").json()
    assert why["disease"] == first["disease"]
    assert (why["rank"], why["probability"]) == (1, first["probability"])
    total = why["base"] + sum(found["weight"] for found in why["contributions"])
    assert total == pytest.approx(why["score"], abs=1e-6)
    given = {(found["finding"]["id"], found["state"]) for found in why["contributions"]}
    assert given == {(term, "present") for term in MARFAN_FINDINGS} | {("HP:0000193", "absent")}
    links = [source["url"] for found in why["contributions"] for source in found["references"]]
    assert any(url and url.startswith("https://pubmed.ncbi.nlm.nih.gov/") for url in links)


def test_a_disease_that_is_no_candidate_is_not_found(client: ContractClient) -> None:
    prediction = client.post(PREDICTIONS, BODY).json()
    for disease in ("OMIM:999999", "nothing", "OMIM:1%00"):
        assert client.get(f"{PREDICTIONS}{prediction['id']}/explanation/{disease}/").status_code == 404


def test_every_reading_leaves_exactly_one_event(
    client: ContractClient, clinician: User, case_of: Callable[..., Case]
) -> None:
    case = case_of(clinician)
    before = last_event()
    made = client.post(PREDICTIONS, {"case": str(case.pk)}).json()
    [event] = new_events(before)
    assert event.action == "prediction.create"
    assert event.object_ids == [UUID(made["id"]), case.pk]
    for address, action in (
        (PREDICTIONS, "prediction.list"),
        (f"{PREDICTIONS}{made['id']}/", "prediction.read"),
        (f"{PREDICTIONS}{made['id']}/explanation/{MARFAN}/", "prediction.explain"),
    ):
        before = last_event()
        assert client.get(address).status_code == 200
        [event] = new_events(before)
        assert (event.action, event.outcome, event.actor_id) == (action, "ok", clinician.pk)
        assert event.patient_ids == [case.patient_id]
        assert event.token_id is not None


def test_nobody_caches_a_patient(client: ContractClient) -> None:
    response = client.post(PREDICTIONS, BODY)
    assert "no-store" in response.headers["Cache-Control"]
