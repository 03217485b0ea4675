"""Breaking the glass: one patient, for a reason, an hour at most, recorded as such, once until it was reviewed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent, Outcome
from apps.cases.emergency import open_emergency, review_emergency
from apps.cases.models import Case, EmergencyAccess
from apps.cases.services import change_person, share_case
from apps.core.problems import Conflict, Denied
from apps.registry.models import ModelVersion
from tests.conftest import PASSWORD
from tests.promises.test_reauthentication import CONFIRM, clock  # noqa: F401 - a fixture
from tests.promises.test_sessions_end import Clock

pytestmark = pytest.mark.django_db

REASON = "Canary Miller unconscious in the ambulance"
OPEN = "/cases/emergency/"
API = "/api/v1/emergencies/"


@pytest.fixture
def colleague(user_of: Callable[..., User]) -> User:
    return user_of(Role.CLINICIAN)


@pytest.fixture
def officer(user_of: Callable[..., User]) -> User:
    return user_of(Role.PRIVACY_OFFICER)


@pytest.fixture
def case(case_of: Callable[..., Case], colleague: User, active_model: ModelVersion) -> Case:
    """A colleague's."""
    return case_of(colleague)


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    """Of somebody outside the care team."""
    return page(clinician)


def ask(browser: Client, case: Case, reason: str = REASON) -> Any:
    return browser.post(OPEN, {"patient": case.patient.pseudonym, "reason": reason})


def ways_in(case: Case) -> list[str]:
    return [f"/cases/{case.pk}/", f"/api/v1/cases/{case.pk}/"]


def let_pass(minutes: int) -> None:
    """As if every access had been opened that much earlier."""
    earlier = timedelta(minutes=minutes)
    EmergencyAccess.objects.update(created_at=F("created_at") - earlier, expires_at=F("expires_at") - earlier)


def test_only_this_patient_only_for_an_hour(
    browser: Client,
    api: Callable[..., APIClient],
    clinician: User,
    colleague: User,
    case: Case,
    case_of: Callable[..., Case],
) -> None:
    other, program = case_of(colleague), api(clinician)

    def seen(wanted: Case) -> list[int]:
        return [
            browser.get(f"/cases/{wanted.pk}/").status_code,
            program.get(f"/api/v1/cases/{wanted.pk}/").status_code,
            program.post("/api/v1/predictions/", {"case": str(wanted.pk)}).status_code,
        ]

    assert seen(case) == [404, 404, 404]
    assert ask(browser, case).url == f"/cases/{case.pk}/"
    access = EmergencyAccess.objects.get(user=clinician)
    assert access.expires_at - access.created_at <= timedelta(minutes=60)
    assert seen(case) == [200, 200, 201]
    assert seen(other) == [404, 404, 404]
    let_pass(59)
    assert seen(case) == [200, 200, 201]
    let_pass(1)
    assert seen(case) == [404, 404, 404]
    print(
        "the one patient: open for 60 minutes, then 404; the same colleague's other patient: 404 throughout"
    )


def test_the_database_itself_allows_no_more_than_an_hour(browser: Client, case: Case) -> None:
    ask(browser, case)
    longer = F("created_at") + timedelta(minutes=60, seconds=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        EmergencyAccess.objects.update(expires_at=longer)


def test_nothing_can_be_changed_or_passed_on(
    browser: Client, clinician: User, colleague: User, case: Case, actor_of: Callable[[User], Actor]
) -> None:
    ask(browser, case)
    seen = browser.get(f"/cases/{case.pk}/").content.decode()
    offered = [
        act for act in ("edit/", "outcome/", "share/", "consent/", "findings/") if f"/{case.pk}/{act}" in seen
    ]
    assert not offered, "the page offers what is refused"
    forbidden = {
        "edit/": {"age_number": 21, "age_unit": "Y", "sex": "male"},
        "share/": {"user": str(colleague.pk)},
        "consent/": {"purpose": "training", "given": "yes", "channel": "oral"},
        "findings/": {"finding": "HP:0000098", "state": "present"},
    }
    statuses = {
        name: browser.post(f"/cases/{case.pk}/{name}", body).status_code for name, body in forbidden.items()
    }
    assert set(statuses.values()) == {404}, statuses
    with pytest.raises(Denied):
        share_case(actor=actor_of(clinician), case_id=case.pk, user_id=clinician.pk)


def test_every_event_meanwhile_names_it_and_none_its_reason(
    browser: Client, api: Callable[..., APIClient], clinician: User, case: Case
) -> None:
    ask(browser, case)
    access = EmergencyAccess.objects.get(user=clinician)
    opened = AuditEvent.objects.filter(action="emergency.open").values_list("sequence", flat=True).get()
    program = api(clinician)
    prediction = program.post("/api/v1/predictions/", {"case": str(case.pk)}).json()["id"]
    for address in (
        f"/cases/{case.pk}/",
        "/cases/",
        "/cases/export.csv",
        f"/predictions/{prediction}/",
        "/history/",
    ):
        assert browser.get(address).status_code == 200, address
    for address in ("/api/v1/cases/", f"/api/v1/cases/{case.pk}/", f"/api/v1/predictions/{prediction}/"):
        assert program.get(address).status_code == 200, address
    events = AuditEvent.objects.filter(sequence__gte=opened, patient_ids__contains=[case.patient_id])
    assert events.count() == 1 + 1 + 5 + 3
    assert {event.purpose for event in events} == {f"emergency:{access.pk}"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_auditevent e WHERE e::text LIKE '%Canary%'")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM cases_emergencyaccess e WHERE e::text LIKE '%Canary%'")
        assert cursor.fetchone() == (0,)
    assert access.reason == REASON
    let_pass(60)
    before = events.count()
    assert browser.get(f"/cases/{case.pk}/").status_code == 404
    print(
        f"{before} acts in the hour: {before} events under the access, its reason 0 times in events and tables"
    )


def test_once_until_a_privacy_officer_has_reviewed_it(
    browser: Client, page: Callable[..., Client], officer: User, case: Case
) -> None:
    ask(browser, case)
    let_pass(61)
    assert ask(browser, case).status_code == 409
    access = EmergencyAccess.objects.get()
    desk = page(officer)
    listed = desk.get("/cases/emergency/review/").content.decode()
    assert REASON in listed
    assert str(case.patient_id) in listed
    assert case.patient.pseudonym not in listed
    review = f"/cases/emergency/{access.pk}/review/"
    assert desk.post(review, {"verdict": "perhaps"}).status_code == 422
    assert desk.post(review, {"verdict": "justified"}).status_code == 302
    assert desk.post(review, {"verdict": "unjustified"}).status_code == 409
    assert ask(browser, case).status_code == 302
    assert EmergencyAccess.objects.count() == 2
    print("a second time before the review: 409; after it: open")


def test_the_database_itself_allows_no_second_one(
    browser: Client, clinician: User, case: Case, actor_of: Callable[[User], Actor]
) -> None:
    ask(browser, case)
    first = EmergencyAccess.objects.get()
    second = EmergencyAccess(
        organisation_id=first.organisation_id,
        patient=first.patient,
        user=clinician,
        expires_at=first.expires_at,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save(force_insert=True)
    with pytest.raises(Conflict):
        open_emergency(actor=actor_of(clinician), patient=case.patient.pseudonym, reason=REASON)


def test_what_was_not_justified_ends_at_once(
    browser: Client, officer: User, case: Case, actor_of: Callable[[User], Actor]
) -> None:
    ask(browser, case)
    review_emergency(actor=actor_of(officer), access_id=EmergencyAccess.objects.get().pk, is_justified=False)
    access = EmergencyAccess.objects.get()
    assert access.expires_at == access.reviewed_at
    # A test is one transaction, whose time stands still.
    let_pass(1)
    assert browser.get(f"/cases/{case.pk}/").status_code == 404


def test_nobody_reviews_his_own(
    browser: Client, clinician: User, case: Case, page: Callable[..., Client]
) -> None:
    ask(browser, case)
    clinician.groups.add(Group.objects.get(name=Role.PRIVACY_OFFICER))
    access = EmergencyAccess.objects.get()
    answer = page(clinician).post(f"/cases/emergency/{access.pk}/review/", {"verdict": "justified"})
    assert answer.status_code == 404


def test_never_for_administration(
    page: Callable[..., Client], user_of: Callable[..., User], case: Case, actor_of: Callable[[User], Actor]
) -> None:
    administrator = user_of(Role.ADMINISTRATOR)
    assert ask(page(administrator), case).status_code == 404
    # Nor when somebody gives administrators the clinicians' role, too.
    administrator.groups.add(Group.objects.get(name=Role.CLINICIAN))
    with pytest.raises(Denied):
        open_emergency(actor=actor_of(administrator), patient=case.patient.pseudonym, reason=REASON)
    assert not EmergencyAccess.objects.exists()


def test_it_asks_again_who_it_is(clock: Clock, browser: Client, case: Case) -> None:  # noqa: F811
    clock.now += 300
    assert browser.get(OPEN).url == f"{CONFIRM}?next={OPEN}"
    assert ask(browser, case).url.startswith(CONFIRM)
    assert not EmergencyAccess.objects.exists()


def test_a_program_sends_the_password_along(
    api: Callable[..., APIClient], clinician: User, case: Case
) -> None:
    program, body = api(clinician), {"patient": case.patient.pseudonym, "reason": REASON}
    for wrong in ({}, {"password": "guessed"}, {"code": "123456"}):
        answer = program.post(API, body | wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "code")
    assert not EmergencyAccess.objects.exists()
    answer = program.post(API, body | {"password": PASSWORD})
    assert answer.status_code == 201
    assert UUID(answer.json()["patient"]) == case.patient_id
    for _attempt in range(4):
        program.post(API, body | {"password": "guessed"})
    assert program.post(API, body | {"password": PASSWORD}).status_code == 429


def test_it_tells_nobody_who_is_a_patient(
    browser: Client,
    other_organisation: Organisation,
    user_of: Callable[..., User],
    case_of: Callable[..., Case],
) -> None:
    elsewhere = case_of(user_of(Role.CLINICIAN, other_organisation))
    answers = [
        browser.post(OPEN, {"patient": text, "reason": REASON})
        for text in ("nobody", elsewhere.patient.pseudonym, "%", "K7")
    ]
    assert {answer.status_code for answer in answers} == {422}
    events = AuditEvent.objects.filter(action="emergency.open", outcome=Outcome.DENIED)
    assert events.count() == len(answers)
    assert not EmergencyAccess.objects.exists()
    print(f"{len(answers)} guesses: the same answer and {len(answers)} denials in the trail")


def test_a_number_that_two_patients_have_opens_neither(
    browser: Client,
    case: Case,
    case_of: Callable[..., Case],
    colleague: User,
    actor_of: Callable[[User], Actor],
) -> None:
    for row in (case, case_of(colleague)):
        change_person(actor=actor_of(colleague), case_id=row.pk, values={"identifier": "MRN-7"})
    answer = browser.post(OPEN, {"patient": "MRN-7", "reason": REASON})
    assert (answer.status_code, EmergencyAccess.objects.count()) == (422, 0)


def test_whoever_cares_for_the_patient_needs_none(
    page: Callable[..., Client], colleague: User, case: Case
) -> None:
    assert ask(page(colleague), case).status_code == 409


def test_a_denied_page_shows_the_way(
    browser: Client, page: Callable[..., Client], officer: User, case: Case
) -> None:
    assert OPEN in browser.get(f"/cases/{case.pk}/").content.decode()
    assert OPEN not in page(officer).get(f"/cases/{case.pk}/").content.decode()
