"""A phenopacket on the consultation page: shown, taken over what is ticked, undone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
PACKET: dict[str, Any] = {
    "id": "P-1",
    "subject": {"id": "x", "sex": "MALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P7Y"}}},
    "phenotypicFeatures": [
        {"type": {"id": "HP:0001083", "label": "Ectopia lentis"}},
        {"type": {"id": "HP:0000175", "label": "Cleft palate"}, "excluded": True},
        {"type": {"id": "HP:0001166", "label": "Arachnodactyly"}},
        {"type": {"id": "SNOMED:1", "label": "Something else"}},
    ],
    "diseases": [{"term": {"id": "OMIM:154700", "label": "Marfan syndrome"}}],
}


@pytest.fixture
def case(active_model: Any, case_of: Callable[..., Case], clinician: User) -> Case:
    return case_of(clinician, present=("HP:0001166",), absent=(), age="", sex="unknown")


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


def read(browser: Client, case: Case, raw: bytes, headers: Any = HTMX) -> Any:
    upload = SimpleUploadedFile("packet.json", raw, "application/json")
    return browser.post(
        reverse("predictions:read-packet", args=[case.pk]), {"packet": upload}, headers=headers
    )


def state_of(case: Case) -> Any:
    case.refresh_from_db()
    case.patient.refresh_from_db()
    return set(case.findings.values_list("term_id", "is_present")), case.age, case.patient.sex


def test_it_is_shown_before_anything_is_taken_and_nothing_is_lost(browser: Client, case: Case) -> None:
    before, events = state_of(case), AuditEvent.objects.count()
    text = read(browser, case, json.dumps(PACKET).encode()).content.decode()
    for words in ("Ectopia lentis", "− Cleft palate", "7 years", "male", "SNOMED:1", "Marfan syndrome"):
        assert words in text
    assert "already recorded as present" in text
    assert state_of(case) == before
    assert AuditEvent.objects.count() == events + 1
    assert AuditEvent.objects.latest("sequence").action == "packet.read"
    page = read(browser, case, json.dumps(PACKET).encode(), {}).content.decode()
    assert "<h1>Import a phenopacket</h1>" in page


def test_what_is_ticked_is_one_act_and_can_be_undone(browser: Client, case: Case) -> None:
    before, events = state_of(case), AuditEvent.objects.count()
    url = reverse("predictions:take-packet", args=[case.pk])
    ticked = {"present": ["HP:0001083"], "absent": ["HP:0000175"], "age": "P7Y", "sex": "male"}
    answer = browser.post(url, ticked, headers=HTMX)
    assert answer.status_code == 200
    expected = {("HP:0001166", True), ("HP:0001083", True), ("HP:0000175", False)}
    assert state_of(case) == (expected, "P7Y", "male")
    assert AuditEvent.objects.count() == events + 1
    assert 'name="undo"' in answer.content.decode()
    undo = {"undo": "1", "present": ["HP:0001166"], "age": "", "sex": "unknown"}
    assert browser.post(url, undo, headers=HTMX).status_code == 200
    assert state_of(case) == before


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "no JSON text"),
        (b"\xff\xfe", "no JSON text"),
        (b"[]", "the packet"),
        (b'{"id": "x", "phenotypicFeatures": [{"type": {"id": 7}}]}', "phenotypicFeatures[0].type.id"),
        (b'{"id": "x", "subject": {"sex": "blue"}}', "subject.sex"),
        (b'{"a": "' + b"x" * 1_000_001 + b'"}', "larger than 1 MB"),
    ],
)
def test_what_is_no_packet_is_said_by_field(browser: Client, case: Case, raw: bytes, words: str) -> None:
    before = state_of(case)
    answer = read(browser, case, raw)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert state_of(case) == before


def test_a_case_of_others_takes_no_packet(page: Any, user_of: Any, case: Case) -> None:
    stranger = page(user_of())
    assert read(stranger, case, json.dumps(PACKET).encode()).status_code == 404
    url = reverse("predictions:take-packet", args=[case.pk])
    assert stranger.post(url, {"present": "HP:0001083"}).status_code == 404
