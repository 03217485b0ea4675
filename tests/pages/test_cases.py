"""My cases: the list with its filter, the CSV, and entering a case without losing what was typed."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.cases.services import record_outcome
from tests.conftest import MARFAN, MARFAN_FINDINGS

pytestmark = pytest.mark.django_db

NEW = "/cases/new/"


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


@pytest.fixture
def three(case_of: Callable[..., Case], clinician: User, actor_of: Any) -> list[Case]:
    cases = [
        case_of(clinician, pseudonym="ALPHA-1"),
        case_of(clinician, pseudonym="BETA-2", sex="male", age="P6M"),
        case_of(clinician, pseudonym="=HYPERLINK(1)", age=""),
    ]
    record_outcome(actor=actor_of(clinician), case_id=cases[1].pk, disease_id=MARFAN)
    return cases


def flat(answer: Any) -> str:
    """The page's markup, with every stretch of white space as one space."""
    return re.sub(r"\s+", " ", answer.content.decode())


def names(browser: Client, query: str = "") -> list[str]:
    answer = browser.get(f"/cases/{query}")
    assert answer.status_code == 200
    return [case.patient.pseudonym for case in answer.context["cases"]]


def test_an_empty_list_says_what_to_do_next(browser: Client) -> None:
    text = browser.get("/cases/").content.decode()
    assert "You have no case yet" in text
    assert f'href="{NEW}"' in text


def test_the_list_names_mine_and_one_event_names_each_patient(
    browser: Client, three: list[Case], page: Any, user_of: Any
) -> None:
    assert names(browser) == ["=HYPERLINK(1)", "BETA-2", "ALPHA-1"]
    event = AuditEvent.objects.latest("sequence")
    assert event.action == "case.list"
    assert sorted(event.patient_ids) == sorted(case.patient_id for case in three)
    assert names(page(user_of())) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=+alpha-1", ["ALPHA-1"]),
        ("?q=alpha", []),
        ("?q=marfan", ["BETA-2"]),
        ("?q=%25", []),
        ("?sex=male", ["BETA-2"]),
        ("?outcome=open", ["=HYPERLINK(1)", "ALPHA-1"]),
        ("?outcome=closed", ["BETA-2"]),
        ("?sort=oldest", ["ALPHA-1", "BETA-2", "=HYPERLINK(1)"]),
        ("?sex=nonsense&sort=nonsense&page=999", ["=HYPERLINK(1)", "BETA-2", "ALPHA-1"]),
    ],
)
def test_the_filter_stands_in_the_address(
    browser: Client, three: list[Case], query: str, expected: list[str]
) -> None:
    assert names(browser, query) == expected


def test_a_filter_that_finds_nothing_says_so(browser: Client, three: list[Case]) -> None:
    assert "No case of yours matches this filter." in browser.get("/cases/?q=zzz").content.decode()


def test_pages_keep_the_filter(browser: Client, case_of: Callable[..., Case], clinician: User) -> None:
    for number in range(27):
        case_of(clinician, pseudonym=f"P-{number:02}", present=(), absent=())
    text = browser.get("/cases/?sex=female&sort=oldest").content.decode()
    assert "27 cases" in text
    assert "?sex=female&amp;sort=oldest&amp;page=2" in text
    assert names(browser, "?sex=female&sort=oldest&page=2") == ["P-25", "P-26"]


def test_the_csv_has_the_filtered_rows_no_formula_and_one_event(browser: Client, three: list[Case]) -> None:
    answer = browser.get("/cases/export.csv?outcome=open")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:3] == ["Pseudonym", "Sex", "Age"]
    assert [row[0] for row in rows[1:]] == ["'=HYPERLINK(1)", "ALPHA-1"]
    assert rows[2][3] == str(len(MARFAN_FINDINGS) + 1)
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, len(event.patient_ids)) == ("case.export", 2)


def test_a_case_is_entered_with_all_that_was_typed(browser: Client, knowledge: Any) -> None:
    values = {
        "pseudonym": " K7-1 ", "age_number": "18", "age_unit": "M", "sex": "male", "care": "on", "channel": "oral",
        "finding": ["HP:0001166", "HP:0000193"], "state-HP:0001166": "present", "state-HP:0000193": "absent",
    }  # fmt: skip
    answer = browser.post(NEW, values)
    case = Case.objects.get()
    assert answer.url == reverse("predictions:consultation", args=[case.pk])
    assert (case.patient.pseudonym, case.patient.sex, case.age) == ("K7-1", "male", "P18M")
    assert set(case.findings.values_list("term_id", "is_present")) == {
        ("HP:0001166", True),
        ("HP:0000193", False),
    }
    assert dict(case.patient.consents.values_list("purpose", "is_given")) == {"care": True}


def test_an_error_keeps_everything_that_was_typed(browser: Client, knowledge: Any) -> None:
    values = {
        "pseudonym": "", "age_number": "200", "age_unit": "Y", "sex": "female", "care": "on", "channel": "oral",
        "finding": ["HP:0001166", "HP:0000193"], "state-HP:0001166": "present", "state-HP:0000193": "absent",
        "finding_text": "dolichocefaly",
    }  # fmt: skip
    answer = browser.post(NEW, values)
    text = flat(answer)
    assert answer.status_code == 422
    assert not Case.objects.exists()
    assert 'value="200"' in text
    assert 'value="dolichocefaly"' in text
    assert "Dolichocephaly" in text
    assert "Arachnodactyly" in text
    assert 'name="state-HP:0000193" value="absent" checked' in text
    assert "Give the patient a pseudonym" in text
    assert "An age is at most 130 years." in text
    assert re.search(r'name="care"[^>]* checked', text)


def test_a_pseudonym_that_is_taken_is_said_beside_it(browser: Client, three: list[Case]) -> None:
    answer = browser.post(NEW, {"pseudonym": "ALPHA-1", "sex": "unknown", "age_unit": "Y"})
    assert answer.status_code == 422
    assert "has this pseudonym already" in answer.content.decode()


def test_what_was_typed_in_full_counts_as_chosen(browser: Client, knowledge: Any) -> None:
    browser.post(
        NEW, {"pseudonym": "K7-2", "sex": "unknown", "age_unit": "Y", "finding_text": "spider fingers"}
    )
    assert list(Case.objects.get().findings.values_list("term_id", flat=True)) == ["HP:0001166"]


def test_without_javascript_findings_are_added_and_removed_by_sending_the_form(
    browser: Client, knowledge: Any
) -> None:
    values = {"pseudonym": "K7-3", "sex": "unknown", "age_unit": "Y"}
    near = browser.post(NEW, values | {"finding_text": "dolichocefaly", "look_up": "1"})
    assert near.status_code == 200
    assert 'name="add" value="HP:0000268"' in flat(near)
    added = flat(browser.post(NEW, values | {"finding": ["HP:0001166"], "add": "HP:0000268"}))
    assert 'name="finding" value="HP:0000268"' in added
    assert 'name="finding" value="HP:0001166"' in added
    removed = browser.post(
        NEW, values | {"finding": ["HP:0001166", "HP:0000268"], "remove": "HP:0001166"}
    ).content.decode()
    assert 'name="finding" value="HP:0001166"' not in removed
    assert not Case.objects.exists()


@pytest.mark.parametrize("term", ["HP:9999999", "HP:0000005", "nonsense"])
def test_a_finding_that_is_none_is_refused(browser: Client, knowledge: Any, term: str) -> None:
    answer = browser.post(NEW, {"pseudonym": "K7-4", "sex": "unknown", "age_unit": "Y", "finding": [term]})
    assert answer.status_code == 422
    assert not Case.objects.exists()


def test_over_500_findings_are_refused(browser: Client, knowledge: Any) -> None:
    from apps.knowledge.models import Term

    terms = list(Term.objects.filter(is_phenotype=True, is_obsolete=False).values_list("id", flat=True)[:501])
    answer = browser.post(NEW, {"pseudonym": "K7-5", "sex": "unknown", "age_unit": "Y", "finding": terms})
    assert answer.status_code == 422
    assert "500" in answer.content.decode()
    assert not Case.objects.exists()


def test_a_nul_is_a_bad_request(browser: Client, knowledge: Any) -> None:
    assert browser.get("/cases/?q=%00").status_code == 400
    assert browser.get("/knowledge/diseases/OMIM:1%00/").status_code == 400
    assert browser.post(NEW, {"pseudonym": "K7-6", "finding": "HP:0001166\0"}).status_code == 400


def test_html_in_a_pseudonym_is_text(browser: Client, case_of: Callable[..., Case], clinician: User) -> None:
    case_of(clinician, pseudonym="<script>alert(1)</script>")
    text = browser.get("/cases/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
