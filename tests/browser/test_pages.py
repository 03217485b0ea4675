"""Every role's pages, wide and narrow, light and dark; when the server is gone; and without JavaScript."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from playwright.sync_api import Dialog, Route, expect

from apps.accounts.roles import Role
from apps.alerts.services import raise_alerts
from apps.audit.anchor import the_anchor
from apps.audit.models import AuditEvent, Verification
from apps.audit.sealing import seal_all
from apps.audit.verifier import check
from apps.cases.emergency import open_emergency
from apps.cases.models import Case
from apps.cases.services import change_person
from apps.core.jobs import JobState
from tests.browser.conftest import Visitor
from tests.conftest import PASSWORD
from tests.permissions.house import archive_of, export_of, hold_of

OF_ROLES = {
    Role.DATA_SCIENTIST: ["/models/", "/account/"],
    Role.PRIVACY_OFFICER: [
        *("/retention/", "/retention/delete/", "/retention/access-reports/", "/retention/erasures/"),
        *("/retention/holds/", "/retention/limits/", "/retention/research/"),
        *("/cases/emergency/review/", "/alerts/", "/retention/processing/"),
    ],
    Role.CLINICIAN: ["/cases/emergency/"],
    Role.AUDITOR: ["/audit/", "/audit/?patient=1", "/audit/integrity/"],
    Role.INTEGRATOR: ["/account/", "/account/password/", "/oauth/programs/"],
    Role.ADMINISTRATOR: ["/oauth/clients/"],
}

FOUND = {
    "losses": [
        {"first": 4, "last": 9, "n_events": 31, "accepted_at": "2026-03-01T10:00:00Z", "operator": "root"}
        | {"reason": "disk failed"}
    ],
    "is_whole": False,
    "n_events": 1207,
    "n_findings": 1002,
    "findings": [
        {"kind": kind, "block": 3, "sequence": number, "event_id": str(UUID(int=number)) if number else ""}
        for kind, number in (("block", None), ("edited", 207), ("deleted", 209))
    ],
}


@pytest.mark.parametrize(("width", "language", "dark"), [(1280, "en", True), (390, "es", False)])
def test_pages_of_the_other_roles(
    visit: Callable[..., Visitor],
    user_of: Callable[..., Any],
    actor_of: Callable[..., Any],
    case_of: Any,
    width: int,
    language: str,
    dark: bool,
) -> None:
    case = case_of(user_of())
    patient, archive = case.patient, archive_of(case)
    open_emergency(actor=actor_of(user_of()), patient=patient.pseudonym, reason="Unconscious")
    raise_alerts(organisation_id=patient.organisation_id, now=timezone.now())
    Verification.objects.create(state=JobState.SUCCEEDED, finished_at=timezone.now(), result=FOUND)
    for role, addresses in OF_ROLES.items():
        visitor = visit(width, language, dark=dark)
        visitor.expected.append("422")
        visitor.enter(user := user_of(role))
        if role == Role.CLINICIAN:
            mine, twin = case_of(user), case_of(user)
            for each in (mine, twin):
                change_person(actor=actor_of(user), case_id=each.pk, values={"identifier": "MRN-4711"})
            addresses = [*addresses, f"/cases/{mine.pk}/consent/", f"/cases/{mine.pk}/person/"]
        if role == Role.PRIVACY_OFFICER:
            addresses = [*addresses, f"/retention/erasures/patients/{patient.pk}/"]
            addresses.append(f"/retention/holds/patients/{patient.pk}/")
            addresses.append(f"/retention/holds/{hold_of(case).pk}/lift/")
            addresses.append(f"/retention/access-reports/{patient.pk}/?names=1")
            addresses.append(f"/retention/archives/{archive.pk}/")
            addresses.append(f"/retention/research/{export_of(case.organisation).pk}/")
        for number, address in enumerate(addresses):
            visitor.goto(address)
            visitor.look(f"{role}-{number}")
    visitor = visit(width, language, dark=dark)
    visitor.expected.append("404")
    visitor.goto("/nowhere/")
    visitor.look("problem")


def test_an_auditor_verifies_the_trail_and_takes_a_proof_along(
    visit: Callable[..., Visitor],
    user_of: Callable[..., Any],
    eager_celery: None,
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.AUDIT_ANCHOR = tmp_path.as_uri()
    visitor = visit(390)
    visitor.sign_in(user_of(Role.AUDITOR).username, PASSWORD)
    visitor.goto("/audit/")
    seal_all(anchor=the_anchor())
    visitor.page.get_by_role("link", name="Integrity").click()
    visitor.page.get_by_role("button", name="Verify now").click()
    expect(visitor.page.get_by_text("The trail is whole.")).to_be_visible()
    visitor.look("verified")
    visitor.goto("/audit/?action=account.sign_in")
    visitor.page.locator("summary").filter(has_text="more").first.click()
    with visitor.page.expect_download() as proof:
        visitor.page.get_by_role("link", name="Proof (JSON)").first.click()
    assert check(json.loads(proof.value.path().read_bytes()), the_anchor().blocks()) == ""


def test_a_consultation_in_the_dark(
    visit: Callable[..., Visitor], user_of: Callable[..., Any], case_of: Any
) -> None:
    clinician = user_of()
    case = case_of(clinician)
    visitor = visit(1280, dark=True)
    visitor.enter(clinician)
    visitor.goto(f"/cases/{case.pk}/")
    visitor.page.get_by_role("button", name="Predict").click()
    visitor.page.locator("details.candidate:visible summary").nth(1).click()
    expect(visitor.page.get_by_text("What speaks for it")).to_be_visible()
    visitor.look("consultation")


def test_administration_complains_of_nothing(
    visit: Callable[..., Visitor], user_of: Callable[..., Any]
) -> None:
    visitor = visit()
    visitor.sign_in(user_of(Role.ADMINISTRATOR).username, PASSWORD)
    for name, address in (
        ("index", "/admin/"),
        ("accounts", "/admin/accounts/user/"),
        ("new-account", "/admin/accounts/user/add/"),
        ("roles", "/admin/auth/group/"),
    ):
        visitor.goto(address)
        if name == "accounts":
            visitor.page.locator("#result_list tbody th a").first.click()
            visitor.page.wait_for_load_state()
        visitor.look(f"admin-{name}", ours=False)
    visitor.page.get_by_role("link", name="My account").click()
    expect(visitor.page.get_by_role("heading", name="API tokens")).to_be_visible()


def test_when_the_server_is_gone_it_is_said_and_what_was_typed_stays(
    visit: Callable[..., Visitor], user_of: Callable[..., Any], case_of: Any
) -> None:
    clinician = user_of()
    case: Case = case_of(clinician)
    visitor = visit()
    visitor.expected += ["net::ERR_FAILED", "Failed to fetch", "502"]
    page = visitor.page
    visitor.enter(clinician)
    visitor.goto(f"/cases/{case.pk}/")
    page.locator("#finding-text").fill("malar flattening")
    option = page.get_by_role("option").first
    expect(option).to_be_visible()
    page.route("**/findings/", lambda route: route.abort())
    page.locator("#finding-text").press("Enter")
    expect(page.get_by_role("alert").filter(has_text="The server cannot be reached.")).to_be_visible()
    expect(page.locator("#finding-text")).to_have_value("Malar flattening")
    assert not case.findings.filter(term_id="HP:0000272").exists()

    def bad_gateway(route: Route) -> None:
        route.fulfill(status=502, body="<html><body>Bad gateway</body></html>")

    page.unroute("**/findings/")
    page.route("**/predict/", bad_gateway)
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert").filter(has_text="The server cannot be reached.")).to_be_visible()
    expect(page.get_by_text("Bad gateway")).to_have_count(0)


def test_a_problem_of_the_server_is_shown_in_place(
    visit: Callable[..., Visitor], user_of: Callable[..., Any], case_of: Any
) -> None:
    clinician = user_of()
    case = case_of(clinician, present=(), absent=("HP:0000193",))
    visitor = visit()
    visitor.expected.append("422")
    page = visitor.page
    visitor.enter(clinician)
    visitor.goto(f"/cases/{case.pk}/")
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert").filter(has_text="Add at least one present finding")).to_be_visible()
    page.locator("#finding-text").fill("dolichocefaly")
    page.get_by_role("button", name="+ present").first.click()
    near = page.locator("#finding-problem").get_by_role("button", name="Dolichocephaly").first
    expect(near).to_be_visible()
    visitor.look("near")
    near.click()
    expect(page.locator("#findings")).to_contain_text("Dolichocephaly")
    expect(page.locator("#finding-problem")).to_be_empty()
    expect(page.locator("#alerts")).to_be_empty()


def test_quick_hands_lose_nothing(
    visit: Callable[..., Visitor], user_of: Callable[..., Any], case_of: Any
) -> None:
    clinician = user_of()
    case: Case = case_of(clinician, present=(), absent=())
    visitor = visit()
    page = visitor.page
    visitor.enter(clinician)
    visitor.goto(f"/cases/{case.pk}/")
    page.locator("#finding-text").focus()
    for word in ("arachnodactyly", "myopia", "scoliosis", "pes planus", "ectopia lentis"):
        # Enter comes before the suggestions do: the first of them is taken when it is there.
        page.keyboard.type(word)
        page.keyboard.press("Enter")
        expect(page.locator("#finding-text")).to_have_value("")
    expect(page.locator("#findings li")).to_have_count(5)
    assert case.findings.count() == 5


def test_without_javascript_the_journey_goes_on(
    visit: Callable[..., Visitor], user_of: Callable[..., Any], knowledge: Any
) -> None:
    clinician = user_of()
    visitor = visit(javascript=False)
    page = visitor.page
    visitor.sign_in(clinician.username, PASSWORD)
    page.get_by_role("link", name="New case").click()
    page.locator("#id_pseudonym").fill("PLAIN-1")
    page.locator("#id_care").check()
    page.locator("#id_channel").select_option("oral")
    page.locator("#finding-text").fill("aracnodactyly")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Arachnodactyly").first.click()
    page.get_by_role("button", name="Create the case").last.click()
    page.locator("#finding-text").fill("ectopia lentis")
    page.get_by_role("button", name="+ present").first.click()
    expect(page.locator("#findings li")).to_have_count(2)
    page.get_by_role("button", name="Predict").click()
    first = page.locator("details.candidate:visible").first
    first.locator("summary").click()
    first.get_by_role("link", name="What speaks for and against it").click()
    expect(page.get_by_role("heading", name="What speaks for it")).to_be_visible()


def test_nothing_opens_a_dialog(
    visit: Callable[..., Visitor], user_of: Callable[..., Any], case_of: Any, actor_of: Callable[..., Any]
) -> None:
    """HTML in a pseudonym or a name stays text on every page that shows it."""
    clinician = user_of()
    html = "<img src=x onerror=alert(1)>"
    case, twin = case_of(clinician, pseudonym=html), case_of(clinician, pseudonym=f"{html} 2")
    values = dict.fromkeys(("name", "identifier", "contact"), html) | {"note": f"</textarea>\n\n{html}"}
    for each in (case, twin):
        change_person(actor=actor_of(clinician), case_id=each.pk, values=values)
    visitor = visit()
    opened: list[Dialog] = []
    visitor.page.on("dialog", lambda dialog: opened.append(dialog))
    visitor.enter(clinician)
    own = (f"/cases/{case.pk}/{part}" for part in ("", "outcome/", "person/"))
    for address in ("/cases/", "/history/", *own):
        visitor.goto(address)
    visitor.page.locator("#id_name").fill(f"{html} 3")
    visitor.page.get_by_role("button", name="Save").click()
    expect(visitor.page.get_by_text("Name, record number, contact and note were saved.")).to_be_visible()
    # Whatever a browser makes of the ends of lines: what nobody touched is as before.
    assert AuditEvent.objects.filter(action="person.change").latest("sequence").details == {
        "fields": ["name"]
    }
    assert not opened
    assert not visitor.complaints
