"""Who a patient is, on the page of a case: shown to his care team, sealed when stored, found by the whole number."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.cases.selectors import get_case, person_of
from apps.cases.services import change_person
from tests.pages.test_cases import flat, names

pytestmark = pytest.mark.django_db

CANARY = "Ocelot-Wurzelsepp"
PERSON = {
    "name": f"{CANARY} <b>bold</b>",
    "identifier": f"{CANARY}/0815",
    "contact": f"{CANARY}\nMain Street 5",
    "note": f"</textarea><script>{CANARY}</script>",
}


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


@pytest.fixture
def case(case_of: Callable[..., Case], clinician: User) -> Case:
    return case_of(clinician, pseudonym="ALPHA-1")


def address(case: Case) -> str:
    return reverse("cases:person", args=[case.pk])


def filled(browser: Client, case: Case, **typed: str) -> dict[str, str]:
    """What a browser sends from the page as it is now, but for what is `typed`; it ends lines with CR LF."""
    form = browser.get(address(case)).context["form"]
    shown = {field.name: str(field.value() or "").replace("\n", "\r\n") for field in form}
    return {f"initial-{name}": text for name, text in shown.items()} | shown | typed


def everything_stored() -> str:
    """Each row of patients, cases and events as PostgreSQL writes it; bytes as hexadecimal digits."""
    tables = ("cases_patient", "cases_case", "audit_auditevent")
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT t::text FROM {table} t" for table in tables))
        return "\n".join(row[0] for row in cursor.fetchall())


def test_what_is_typed_is_shown_again_sealed_and_recorded(
    browser: Client, case: Case, clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    consultation = reverse("predictions:consultation", args=[case.pk])
    assert f'href="{address(case)}"' in flat(browser.get(consultation))
    typed = PERSON | {"contact": PERSON["contact"].replace("\n", "\r\n"), "name": f"  {PERSON['name']} "}
    typed = filled(browser, case, **typed)
    first = AuditEvent.objects.latest("sequence").sequence
    assert browser.post(address(case), typed)["Location"] == consultation
    assert person_of(get_case(actor=actor_of(clinician), case_id=case.pk)) == PERSON
    shown = browser.get(address(case)).content.decode()
    assert "Name, record number, contact and note were saved." in shown
    assert f"{CANARY} &lt;b&gt;bold&lt;/b&gt;" in shown
    assert f"&lt;/textarea&gt;&lt;script&gt;{CANARY}" in shown
    assert f'<input type="hidden" name="initial-identifier" value="{PERSON["identifier"]}"' in shown
    assert "<b>bold" not in shown
    assert f"<script>{CANARY}" not in shown
    # The form as a browser sends it again changes nothing.
    browser.post(address(case), filled(browser, case))
    events = list(AuditEvent.objects.filter(sequence__gt=first).order_by("sequence"))
    assert [(event.action, event.patient_ids, event.details) for event in events] == [
        ("person.change", [case.patient_id], {"fields": ["contact", "identifier", "name", "note"]}),
        ("person.read", [case.patient_id], {}),
        ("person.read", [case.patient_id], {}),
        ("person.change", [case.patient_id], {"fields": []}),
    ]
    stored = everything_stored()
    assert str(case.patient_id) in stored
    assert CANARY not in stored
    assert CANARY.encode().hex() not in stored


def test_two_who_change_different_fields_both_do(
    browser: Client, case: Case, clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    change_person(actor=actor_of(clinician), case_id=case.pk, values=PERSON)
    mine = filled(browser, case, name="Ada Example", note="")
    change_person(actor=actor_of(clinician), case_id=case.pk, values={"contact": "a new address"})
    assert browser.post(address(case), mine | {"identifier": "x" * 81}).status_code == 422
    assert browser.post(address(case), mine).status_code == 302
    expected = PERSON | {"name": "Ada Example", "note": "", "contact": "a new address"}
    assert person_of(get_case(actor=actor_of(clinician), case_id=case.pk)) == expected


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", "a\0b"),
        ("name", "x" * 201),
        ("identifier", "4711\u200b"),
        ("identifier", "x" * 81),
        ("contact", "x" * 501),
        ("note", "a\0b"),
        ("note", "x" * 4001),
    ],
)
def test_what_cannot_be_kept_is_named_and_what_was_typed_stays(
    browser: Client, case: Case, clinician: User, actor_of: Callable[[User], Actor], field: str, wrong: str
) -> None:
    change_person(actor=actor_of(clinician), case_id=case.pk, values={field: "as before"})
    answer = browser.post(address(case), PERSON | {field: wrong})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert list(answer.context["form"].errors) == [field]
    assert f'id="id_{field}_error"' in text
    other = "name" if field != "name" else "identifier"
    assert answer.context["form"][other].value() == PERSON[other]
    assert "Nothing was saved yet." in text
    assert person_of(get_case(actor=actor_of(clinician), case_id=case.pk))[field] == "as before"


def test_who_is_not_in_the_care_team_finds_nothing(
    case: Case, clinician: User, actor_of: Any, page: Any, user_of: Any, other_organisation: Organisation
) -> None:
    change_person(actor=actor_of(clinician), case_id=case.pk, values=PERSON)
    for stranger in (user_of(), user_of(Role.CLINICIAN, other_organisation)):
        other = page(stranger)
        assert other.get(address(case)).status_code == 404
        assert other.post(address(case), {"name": "Nobody"}).status_code == 404
        assert names(other, f"?q={PERSON['identifier']}") == []
    assert person_of(get_case(actor=actor_of(clinician), case_id=case.pk)) == PERSON


def test_the_list_finds_the_whole_number_and_shows_none_of_it(
    browser: Client, case: Case, case_of: Callable[..., Case], clinician: User
) -> None:
    case_of(clinician, pseudonym="BETA-2")
    browser.post(address(case), PERSON)
    assert names(browser, f"?q=++{PERSON['identifier'].upper()}") == ["ALPHA-1"]
    assert names(browser, f"?q={CANARY}") == []
    text = browser.get("/cases/").content.decode()
    assert "Pseudonym, record number or diagnosis" in text
    assert CANARY not in text
    assert CANARY not in browser.get("/cases/export.csv").content.decode("utf-8-sig")
    browser.post(address(case), filled(browser, case, identifier=""))
    assert names(browser, f"?q={PERSON['identifier']}") == []


def test_a_number_that_somebody_has_is_kept_and_said(
    browser: Client,
    case: Case,
    case_of: Callable[..., Case],
    clinician: User,
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
    other_organisation: Organisation,
) -> None:
    colleague, stranger = user_of(), user_of(Role.CLINICIAN, other_organisation)
    mine = case_of(clinician, pseudonym="<i>MINE</i>")
    for owner, other in (
        (clinician, mine),
        (colleague, case_of(colleague, pseudonym="THEIRS")),
        (stranger, case_of(stranger, pseudonym="ELSEWHERE")),
    ):
        change_person(
            actor=actor_of(owner), case_id=other.pk, values={"identifier": PERSON["identifier"].lower()}
        )
    assert browser.post(address(case), PERSON)["Location"] == address(case)
    text = flat(browser.get(address(case)))
    assert "2 other patients of your organisation have this medical record number." in text
    assert f'<a href="/cases/{mine.pk}/">&lt;i&gt;MINE&lt;/i&gt;</a>' in text
    assert "THEIRS" not in text
    assert "ELSEWHERE" not in text
    event = AuditEvent.objects.latest("sequence")
    assert event.action == "person.read"
    assert set(event.patient_ids) == {case.patient_id, mine.patient_id}
