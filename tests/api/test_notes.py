"""Notes into findings: with their places in the text, and without a trace of the text anywhere."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.cases.models import Case
from tests.api.conftest import errors_of, last_event, new_events
from tests.api.contract import ContractClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("knowledge")]

NOTES = "/api/v1/notes/findings/"
CANARY = "Xylocanthusbrook"


def test_findings_come_with_state_score_and_places(client: ContractClient) -> None:
    text = "  Ectopia lentis. No cleft palate; mother had scoliosis. Possible myopia."
    answer = client.post(NOTES, {"text": text, "language": "en"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["language"], body["is_limited"]) == ("en", False)
    found = {row["finding"]["id"]: row for row in body["findings"]}
    assert {term_id: row["state"] for term_id, row in found.items()} == {
        "HP:0001083": "present", "HP:0000175": "absent", "HP:0002650": "family", "HP:0000545": "uncertain",
    }  # fmt: skip
    span = found["HP:0001083"]["spans"][0]
    assert text[span["start"] : span["end"]] == "Ectopia lentis"
    assert found["HP:0000175"]["spans"][0]["negated"] is True
    assert found["HP:0001083"]["score"] == 1.0


def test_the_language_is_told_from_the_text(client: ContractClient) -> None:
    assert client.post(NOTES, {"text": "Niña con fiebre y tos."}).json()["language"] == "es"


def test_it_leaves_one_event_without_content(client: ContractClient) -> None:
    since = last_event()
    client.post(NOTES, {"text": "Ectopia lentis."})
    [event] = new_events(since)
    assert (event.action, event.details) == ("note.read", {"language": "en", "findings": 1})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("\n\t ", "empty"),
        ("a" * 100_001, "max_length"),
        ("fever\0", "null_characters_not_allowed"),
        ("\x01\x02\x03\x04 ab", "binary"),
        ("12 / 7", "no_words"),
        (7, "invalid"),
        (None, "null"),
    ],
)
def test_what_is_no_note_is_refused(client: ContractClient, text: Any, code: str) -> None:
    since = last_event()
    assert errors_of(client.post(NOTES, {"text": text})) == [("text", code)]
    assert not new_events(since)


def test_an_unknown_language_is_refused(client: ContractClient) -> None:
    assert errors_of(client.post(NOTES, {"text": "fièvre", "language": "fr"})) == [
        ("language", "invalid_choice")
    ]


def test_a_note_of_megabytes_is_too_large(client: ContractClient) -> None:
    assert client.post(NOTES, {"text": "fever " * 200_000}).status_code == 413


def test_no_trace_of_a_note_is_kept(
    client: ContractClient,
    page: Callable[..., Client],
    clinician: User,
    case_of: Callable[..., Case],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither in a table, nor in the cache and broker, nor in a log; and not when it is refused, either."""
    caplog.set_level(logging.DEBUG)
    case = case_of(clinician)
    url = reverse("predictions:read-note", args=[case.pk])
    note = f"{CANARY} has ectopia lentis."
    for text in (note, f"{note}\0", note * 10_000):
        client.post(NOTES, {"text": text})
        page(clinician).post(url, {"note": text})
    assert not [table for table in _tables() if _holds(table, CANARY)]
    assert not [record for record in caplog.records if CANARY in record.getMessage()]
    assert not [key for key in _cached() if CANARY.encode() in key]


def _tables() -> list[str]:
    return [name for name in connection.introspection.table_names() if name != "django_migrations"]


def _holds(table: str, text: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}" row WHERE row::text LIKE %s', [f"%{text}%"])
        return bool(cursor.fetchone()[0])


def _cached() -> list[bytes]:
    store = cache._cache.get_client()  # type: ignore[attr-defined]
    content = []
    for key in store.scan_iter():
        content += [key, store.dump(key) or b""]
    return content
