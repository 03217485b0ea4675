"""What says who a patient is, or what he has, leaves no trace in audit events, logs, broker or cache."""

import base64
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.cases.models import Case
from apps.cases.services import record_outcome
from apps.lifecycle.models import Experiment
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

# No audit event, log line or message has a reason to hold one of these.
PSEUDONYM, NAME, NOTE = "Zwergadler-K7", "Quetzalcoatl Obermoser", "Xylotymbou vineyard worker"
NUMBER, CONTACT = "MRN-Wolpertinger-4711", "Frau Rumpelstilz, fourth floor"
FINDING, FINDING_LABEL = "HP:0001083", "Ectopia lentis"
CANARIES = (PSEUDONYM, "Quetzalcoatl", "Xylotymbou", "Wolpertinger", "Rumpelstilz", FINDING, FINDING_LABEL)
PERSON = {"name": NAME, "identifier": NUMBER, "contact": CONTACT, "note": NOTE}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that any logger says from now on, tracebacks too."""
    with caplog.at_level(logging.DEBUG):
        yield lambda: caplog.text


def in_valkey() -> str:
    """Every key of broker and cache with its value; the bodies of queued messages are base64 there, and read here."""
    found: list[str] = []
    for address in (settings.BROKER_URL, settings.CACHES["default"]["LOCATION"]):
        with redis.Redis.from_url(address) as server:
            readers: dict[bytes, Callable[[bytes], Any]] = {
                b"string": server.get,
                b"list": lambda key: server.lrange(key, 0, -1),
                b"hash": server.hgetall,
                b"set": server.smembers,
                b"zset": lambda key: server.zrange(key, 0, -1),
            }
            for key in server.scan_iter():
                value = readers[server.type(key)](key)
                found.append(f"{key!r} {value!r}")
                bodies = (
                    re.findall(rb'"body": "([A-Za-z0-9+/=]+)"', b"".join(value))
                    if type(value) is list
                    else []
                )
                found += [base64.b64decode(body).decode() for body in bodies]
    return "\n".join(found)


def in_events() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT event::text FROM audit_auditevent event")
        return "\n".join(row[0] for row in cursor.fetchall())


def by_api(client: APIClient) -> None:
    """A case is entered, wrongly and rightly, predicted, found and told; every answer speaks of the canaries."""
    body = {"pseudonym": PSEUDONYM, "sex": "female", "age": "P20Y", "consent": {"care": True}}
    wrong = client.post("/api/v1/cases/", body | {"findings": {"present": [f"{NAME} {NOTE}"]}}, format="json")
    assert wrong.status_code == 422
    broken = client.post("/api/v1/cases/", f'{{"pseudonym": "{PSEUDONYM}", ', content_type="application/json")
    assert broken.status_code == 400
    right = client.post("/api/v1/cases/", body | {"findings": {"present": [FINDING]}}, format="json")
    assert right.status_code == 201
    case = right.json()["id"]
    address = f"/api/v1/cases/{case}/person/"
    assert client.patch(address, PERSON | {"name": NAME * 99}, format="json").status_code == 422
    assert client.patch(address, PERSON, format="json").json()["name"] == NAME
    assert client.get(address).json()["contact"] == CONTACT
    assert len(client.get("/api/v1/cases/", {"identifier": NUMBER}).json()["results"]) == 1
    predicted = client.post("/api/v1/predictions/", {"case": case}, format="json")
    assert predicted.status_code == 201
    assert client.get("/api/v1/cases/", {"q": PSEUDONYM}).status_code == 200
    note = client.post(
        "/api/v1/notes/findings/", {"text": f"{NAME}, {NOTE}: {FINDING_LABEL}."}, format="json"
    )
    assert note.status_code == 200
    assert FINDING in note.content.decode()
    outcome = {"prediction": predicted.json()["id"], "diagnosis": MARFAN}
    assert client.post("/api/v1/feedback/", outcome, format="json").status_code == 201


def by_pages(browser: Client, case: Case) -> None:
    """The same on the pages, from a note to a list, a search and an export."""
    address = reverse("predictions:read-note", args=[case.pk])
    assert FINDING in browser.post(address, {"note": f"{NAME}: {FINDING_LABEL}. {NOTE}"}).content.decode()
    person = reverse("cases:person", args=[case.pk])
    assert browser.post(person, PERSON | {"identifier": NUMBER * 9}).status_code == 422
    assert browser.post(person, PERSON).status_code == 302
    assert CONTACT in browser.get(person).content.decode()
    assert f"{PSEUDONYM}-2" in browser.get(reverse("cases:list"), {"q": NUMBER}).content.decode()
    browser.post(reverse("predictions:take-findings", args=[case.pk]), {"finding": FINDING})
    assert browser.post(reverse("predictions:predict", args=[case.pk])).status_code == 302
    assert PSEUDONYM in browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert PSEUDONYM in browser.get(reverse("cases:list"), {"q": PSEUDONYM}).content.decode()
    export = browser.get(reverse("cases:export"))
    assert PSEUDONYM.encode() in (export.getvalue() if export.streaming else export.content)


def test_names_notes_and_findings_appear_nowhere(
    clinician: User,
    user_of: Callable[..., User],
    api: Callable[..., APIClient],
    page: Callable[..., Client],
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    logged: Callable[[], str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    # another one, since one more would make the first unwritable: pseudonyms are unique in an organisation
    case = case_of(clinician, pseudonym=f"{PSEUDONYM}-2", present=())
    trained = case_of(clinician, consents={"care": True, "training": True})
    record_outcome(actor=actor_of(clinician), case_id=trained.pk, disease_id=MARFAN)
    with django_capture_on_commit_callbacks(execute=True):
        by_api(api(clinician))
        by_pages(page(clinician), case)
        # queues a message, so that the broker has something to hold
        form = {"reason": "canary", "trials": 0, "folds": 2, "seed": 0}
        asked = page(user_of(Role.DATA_SCIENTIST)).post(reverse("lifecycle:new-experiment"), form)
        assert asked.status_code == 302, asked.content
    places = {"audit events": in_events(), "logs": logged(), "broker and cache": in_valkey()}
    assert Experiment.objects.exists()
    assert "lifecycle.experiment" in places["broker and cache"]
    for place, text in places.items():
        assert text, f"nothing in {place}: the search would find nothing in any case"
        found = [canary for canary in CANARIES if canary.casefold() in text.casefold()]
        print(f"{place}: {len(text):,} characters searched, {len(found)} of {len(CANARIES)} canaries")
        assert not found, f"{found} in {place}"
