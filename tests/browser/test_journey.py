"""The main journey, as a clinician makes it: by keyboard, with a typing error, on a desk and on a phone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from apps.audit.models import AuditEvent
from apps.cases.models import Case, pseudonym_index
from apps.predictions.models import Prediction
from tests.browser.conftest import Visitor
from tests.conftest import MARFAN, PASSWORD

WORDS = {
    "en": {
        "new": "New case",
        "create": "Create the case",
        "predict": "Predict",
        "for": "What speaks for it",
        "advice": "The system advises; a clinician decides.",
        "outcome": "Record the outcome",
        "confirmed": "Confirmed:",
        "history": "History",
        "again": "Predict again",
        "undo": "Undo",
    },
    "es": {
        "new": "Nuevo caso",
        "create": "Crear el caso",
        "predict": "Pedir el diagnóstico diferencial",
        "for": "A favor",
        "advice": "El sistema aconseja; decide el clínico.",
        "outcome": "Registrar el desenlace",
        "confirmed": "Confirmado:",
        "history": "Historial",
        "again": "Pedirlo de nuevo",
        "undo": "Deshacer",
    },
}

# With a letter left out, a word not finished, digits of an id, a synonym.
TYPED = (
    ("aracnodactyly", "Arachnodactyly"),
    ("ectopia lent", "Ectopia lentis"),
    ("1519", "Disproportionate tall stature"),
    ("aortic root dilat", "Aortic root aneurysm"),
    ("pigeon chest", "Pectus carinatum"),
)


def choose_by_keyboard(visitor: Visitor, typed: str, label: str) -> None:
    """Type into the field that has the focus, and take the suggestion that reads `label` by arrow keys and Enter."""
    page = visitor.page
    page.keyboard.type(typed, delay=5)
    option = page.get_by_role("option").filter(has_text=label).first
    expect(option).to_be_visible()
    for _ in range(page.get_by_role("option").count()):
        page.keyboard.press("ArrowDown")
        if option.get_attribute("aria-selected") == "true":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".findings").first).to_contain_text(label)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("width", [1280, 390])
def test_from_findings_to_an_outcome(
    visit: Callable[..., Visitor], user_of: Callable[..., Any], width: int, language: str
) -> None:
    words = WORDS[language]
    clinician = user_of()
    visitor = visit(width, language)
    # Barriers are those of a width and of a language, not of both together.
    visitor.looks_for_barriers = (width == 1280) == (language == "en")
    page = visitor.page

    visitor.goto("/account/sign-in/")
    visitor.look("sign-in")
    visitor.sign_in(clinician.username, PASSWORD)
    visitor.look("cases-empty")

    page.get_by_role("link", name=words["new"]).first.press("Enter")
    page.locator("#id_pseudonym").focus()
    page.keyboard.type("K7-0412")
    page.keyboard.press("Tab")
    page.keyboard.type("20")
    page.locator("#id_sex").select_option("female")
    page.locator("#id_care").press("Space")
    page.locator("#id_channel").select_option("written")
    page.locator("#finding-text").focus()
    for typed, label in TYPED:
        choose_by_keyboard(visitor, typed, label)
    choose_by_keyboard(visitor, "bifid uvula", "Bifid uvula")
    page.locator(".finding").last.locator("input[value=absent]").check(force=True)
    visitor.look("new-case")
    page.get_by_role("button", name=words["create"]).last.press("Enter")

    page.wait_for_url("**/cases/*-*/")
    case = Case.objects.get(patient__pseudonym_index=pseudonym_index(clinician.organisation_id, "K7-0412"))
    assert sorted(case.findings.values_list("term_id", "is_present")) == [
        ("HP:0000193", False), ("HP:0000768", True), ("HP:0001083", True), ("HP:0001166", True), ("HP:0001519", True),
        ("HP:0002616", True),
    ]  # fmt: skip
    visitor.look("consultation-before")
    page.get_by_role("button", name=words["predict"]).press("Enter")
    first = page.locator("details.candidate").first
    expect(first).to_contain_text("Marfan syndrome")
    expect(page.get_by_text(words["advice"])).to_be_visible()

    first.locator("summary").press("Enter")
    expect(first.get_by_text(words["for"])).to_be_visible()
    link = first.locator("a[href^='https://pubmed.ncbi.nlm.nih.gov/']").first
    expect(link).to_be_visible()
    visitor.look("consultation")

    page.locator("#finding-text").focus()
    choose_by_keyboard(visitor, "dural ectasia", "Dural ectasia")
    expect(page.get_by_role("button", name=words["again"])).to_be_visible()
    page.locator(".finding .remove").last.press("Enter")
    undo = page.get_by_role("button", name=words["undo"])
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(page.locator(".finding")).to_have_count(7)
    page.get_by_role("button", name=words["again"]).press("Enter")
    expect(page.locator("#past li")).to_have_count(2)
    visitor.look("consultation-again")

    page.get_by_role("link", name=words["outcome"]).press("Enter")
    page.locator(f"input[value='{MARFAN}']").press("Space")
    visitor.look("outcome")
    page.get_by_role("button", name=words["outcome"]).press("Enter")
    expect(page.get_by_text(words["confirmed"])).to_be_visible()

    page.get_by_role("link", name=words["history"]).first.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(2)
    visitor.look("history")
    page.locator("tbody a").first.press("Enter")
    visitor.look("earlier-list")
    visitor.goto("/cases/")
    visitor.look("cases")
    visitor.goto(f"/knowledge/diseases/{MARFAN}/")
    visitor.look("disease")

    assert Prediction.objects.filter(case=case).count() == 2
    acts = AuditEvent.objects.filter(actor_id=clinician.pk).values_list("action", flat=True)
    assert {
        "account.sign_in",
        "case.create",
        "prediction.create",
        "prediction.explain",
        "feedback.create",
    } <= set(acts)
