"""A pasted note: what was found in it is shown in its text, ticked where it is sure, and taken over when confirmed."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
NOTE = (
    "Tall boy with long fingers.\r\nEctopia lentis was seen. No cleft palate. Arachnodactyly.\r\n"
    "His father had an aortic dissection. Possible scoliosis."
)


@pytest.fixture
def case(knowledge: Any, active_model: Any, case_of: Callable[..., Case], clinician: User) -> Case:
    return case_of(clinician, present=("HP:0001166",), absent=())


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


def read(browser: Client, case: Case, note: str, **headers: str) -> Any:
    return browser.post(
        reverse("predictions:read-note", args=[case.pk]), {"note": note}, headers=HTMX | headers
    )


def lines(text: str) -> dict[str, str]:
    """By term id, the line of the preview."""
    found = re.findall(r'<li data-state="\w+">.*?</li>', text, re.S)
    return {re.search(r'value="(HP:\d{7})"', line)[1]: line for line in found}  # type: ignore[index]


def test_findings_stand_marked_in_the_text_and_only_sure_ones_are_ticked(browser: Client, case: Case) -> None:
    text = read(browser, case, NOTE).content.decode()
    shown = lines(text)
    assert {"HP:0001083", "HP:0000175", "HP:0002647", "HP:0002650", "HP:0001166"} <= shown.keys()
    ticked = {term_id for term_id, line in shown.items() if re.search(r'type="checkbox"[^>]*checked', line)}
    assert {"HP:0001083", "HP:0000175"} <= ticked
    assert not ticked & {"HP:0002647", "HP:0002650", "HP:0001166"}
    assert "said of a relative, so not ticked" in shown["HP:0002647"]
    assert "only suspected or to be ruled out, so not ticked" in shown["HP:0002650"]
    assert "already recorded as present" in shown["HP:0001166"]
    assert re.search(r'value="absent"\s+checked', shown["HP:0000175"])
    assert re.search(r'value="uncertain"\s+checked', shown["HP:0002650"])
    marks = re.findall(r'<mark class="said"\s+data-state="(\w+)"[^>]*><span[^>]*>.</span>([^<]+)', text)
    assert ("present", "Ectopia lentis") in marks
    assert ("absent", "cleft palate") in marks
    assert ("family", "aortic dissection") in marks
    # The note is whole: nothing is lost or doubled between the marks.
    shown_note = re.search(r'class="note-text".*?>(.*?)</div>', text, re.S)[1]  # type: ignore[index]
    shown_note = re.sub(r'<span class="(sign|visually-hidden)".*?</span>', "", shown_note, flags=re.S)
    assert html.unescape(re.sub(r"<[^>]+>", "", shown_note)) == NOTE


def test_what_is_ticked_is_added_as_one_act_with_one_event(browser: Client, case: Case) -> None:
    before = AuditEvent.objects.count()
    answer = browser.post(
        reverse("predictions:take-findings", args=[case.pk]),
        {"finding": ["HP:0001083", "HP:0000175", "HP:0001166"], "state-HP:0000175": "absent"},
        headers=HTMX,
    )
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "3 findings were taken over." in text
    assert 'id="note-preview" hx-swap-oob="true"' in text
    assert sorted(case.findings.values_list("term_id", "is_present")) == [
        ("HP:0000175", False), ("HP:0001083", True), ("HP:0001166", True),
    ]  # fmt: skip
    assert AuditEvent.objects.count() == before + 1


def test_reading_a_note_leaves_one_event_that_holds_nothing_of_it(browser: Client, case: Case) -> None:
    before = AuditEvent.objects.count()
    read(browser, case, NOTE)
    assert AuditEvent.objects.count() == before + 1
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.object_ids, event.patient_ids) == ("note.read", [case.pk], [case.patient_id])
    assert event.details.keys() == {"language", "findings"}


def test_without_javascript_both_steps_are_pages(browser: Client, case: Case) -> None:
    url = reverse("predictions:read-note", args=[case.pk])
    text = browser.post(url, {"note": NOTE}).content.decode()
    assert "<h1>Findings from a note</h1>" in text
    assert "Take over what is ticked" in text
    taken = browser.post(reverse("predictions:take-findings", args=[case.pk]), {"finding": "HP:0001083"})
    assert taken.url == reverse("predictions:consultation", args=[case.pk])
    assert case.findings.filter(term_id="HP:0001083").exists()


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("", "The note is empty"),
        (" \n ", "The note is empty"),
        ("fever " * 20_000, "more than 100"),
        ("fever\0cough", "binary data"),
        ("\x01\x02\x03 ab", "binary data"),
        ("120/80, 37.5", "no words"),
    ],
)
def test_what_is_no_note_is_said_and_the_text_kept(
    browser: Client, case: Case, note: str, words: str
) -> None:
    answer = read(browser, case, note)
    assert answer.status_code == 422
    assert answer.headers["HX-Retarget"] == "#note-problem"
    assert words in answer.content.decode()
    plain = browser.post(reverse("predictions:read-note", args=[case.pk]), {"note": note})
    assert plain.status_code == 422
    assert words in plain.content.decode()


def test_a_note_without_findings_says_so(browser: Client, case: Case) -> None:
    assert "No finding was recognised" in read(browser, case, "The weather is fine.").content.decode()


def test_markup_in_a_note_stays_text(browser: Client, case: Case) -> None:
    text = read(browser, case, "The <script>alert(1)</script> boy has scoliosis.").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_spanish_is_read_and_said_to_be_limited_without_translations(browser: Client, case: Case) -> None:
    note = "Varón con paladar hendido y dedos largos. No tiene fiebre."
    text = read(browser, case, note).content.decode()
    assert "HP:0000175" in lines(text)
    assert "Only some 300 common Spanish names" in text
    browser.cookies["django_language"] = "es"
    assert "Incorporar lo marcado" in read(browser, case, note).content.decode()


@pytest.mark.parametrize("posted", [{}, {"finding": "HP:9999999"}, {"finding": "HP:0000005"}])
def test_what_cannot_be_taken_over_changes_nothing(browser: Client, case: Case, posted: Any) -> None:
    answer = browser.post(reverse("predictions:take-findings", args=[case.pk]), posted, headers=HTMX)
    assert answer.status_code == 422
    assert case.findings.count() == 1


def test_a_case_of_others_takes_no_note(page: Any, user_of: Any, case: Case) -> None:
    stranger = page(user_of())
    assert read(stranger, case, NOTE).status_code == 404
    url = reverse("predictions:take-findings", args=[case.pk])
    assert stranger.post(url, {"finding": "HP:0001083"}).status_code == 404
