"""From a pasted note to a list, a question answered and a prior chosen: by keyboard, on a desk and on a phone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.predictions.models import Prediction
from tests.browser.conftest import Visitor
from tests.conftest import MARFAN

NOTE = (
    "20-year-old woman. Tall, with arachnodactyly and ectopia lentis. Aortic root aneurysm of 46 mm. "
    "No cleft palate. Her father died of an aortic dissection. Possible dural ectasia."
)
WORDS = {
    "en": {
        "note": "Paste a note",
        "find": "Find the findings",
        "take": "Take over what is ticked",
        "taken": "findings were taken over",
        "predict": "Predict",
        "yes": "yes",
        "unknown": "not known",
        "again": "Asked, not known:",
        "prior": "Rank with another prior",
        "rank": "Rank with this prior",
        "other": "prior: literature",
        "basis": "Before any finding",
    },
    "es": {
        "note": "Pegar una nota",
        "find": "Buscar los hallazgos",
        "take": "Incorporar lo marcado",
        "taken": "Se han incorporado",
        "predict": "Pedir el diagnóstico diferencial",
        "yes": "sí",
        "unknown": "no se sabe",
        "again": "Preguntado, no se sabe:",
        "prior": "Ordenar con otra probabilidad previa",
        "rank": "Ordenar así",
        "other": "probabilidad previa: literatura",
        "basis": "Antes de cualquier hallazgo",
    },
}


@pytest.mark.parametrize(("width", "language"), [(1280, "en"), (390, "es")])
def test_from_a_note_to_an_answered_question(
    visit: Callable[..., Visitor],
    user_of: Callable[..., Any],
    case_of: Callable[..., Case],
    width: int,
    language: str,
) -> None:
    words = WORDS[language]
    clinician = user_of()
    case = case_of(clinician, present=(), absent=())
    visitor = visit(width, language)
    page = visitor.page
    visitor.enter(clinician)
    visitor.goto(f"/cases/{case.pk}/")

    page.get_by_text(words["note"], exact=True).press("Enter")
    page.locator("#note-text").focus()
    page.keyboard.insert_text(NOTE)
    page.get_by_role("button", name=words["find"]).press("Enter")
    expect(page.locator(".note-preview")).to_be_focused()
    expect(page.locator("mark").filter(has_text="ectopia lentis")).to_be_visible()
    expect(page.locator("#take-HP\\:0001083")).to_be_checked()
    expect(page.locator("#take-HP\\:0002647")).not_to_be_checked()  # the father's
    visitor.look("note")
    page.locator("#take-HP\\:0100775").press("Space")  # dural ectasia, only suspected
    page.get_by_role("button", name=words["take"]).press("Enter")
    expect(page.get_by_text(words["taken"])).to_be_visible()
    expect(page.locator("#note-text")).to_have_value("")
    assert case.findings.filter(term_id="HP:0000175", is_present=False).exists()
    assert case.findings.filter(term_id="HP:0100775", is_present=None).exists()
    assert not case.findings.filter(term_id="HP:0002647").exists()

    page.get_by_role("button", name=words["predict"]).press("Enter")
    expect(page.locator("#questions li").first).to_be_visible()
    visitor.look("list")
    before = page.locator(".question .code").first.text_content()
    assert before
    page.locator("#questions li").first.get_by_role("button", name=words["unknown"]).press("Enter")
    expect(page.get_by_text(words["again"])).to_be_visible()
    expect(page.locator("#questions-title")).to_be_focused()
    expect(page.locator(".question .code").first).not_to_have_text(before)
    asked = page.locator(".question .code").first.text_content()
    page.locator("#questions li").first.get_by_role("button", name=words["yes"]).press("Enter")
    expect(page.locator("#past li")).to_have_count(2)
    expect(page.locator("#questions-title")).to_be_focused()
    assert case.findings.filter(term_id=asked, is_present=True).exists()
    expect(page.locator("#findings")).to_contain_text(str(asked))

    page.get_by_text(words["prior"], exact=True).press("Enter")
    page.locator("#prior").select_option("literature")
    page.get_by_role("button", name=words["rank"]).press("Enter")
    expect(page.locator("#differential .provenance")).to_contain_text(words["other"])
    first = page.locator("details.candidate:visible").first
    first.locator("summary").press("Enter")
    expect(first.get_by_text(words["basis"])).to_be_visible()
    visitor.look("advice")
    assert Prediction.objects.filter(case=case).count() == 3
    acts = set(AuditEvent.objects.filter(actor_id=clinician.pk).values_list("action", flat=True))
    assert {"note.read", "case.finding.set", "case.finding.unknown", "prediction.create"} <= acts


@pytest.mark.parametrize(("width", "language", "dark"), [(1280, "en", False), (390, "es", True)])
def test_prior_and_model_card(
    visit: Callable[..., Visitor],
    user_of: Callable[..., Any],
    active_model: Any,
    width: int,
    language: str,
    dark: bool,
) -> None:
    visitor = visit(width, language, dark=dark)
    visitor.expected.append("422")
    page = visitor.page
    visitor.enter(user_of(Role.DATA_SCIENTIST))
    visitor.goto("/priors/")
    page.locator("#counts").fill(f"{MARFAN}\t12\nOMIM:1\t3")
    page.locator(".counts-form button").first.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="OMIM:1")).to_be_visible()
    visitor.look("prior-problem")
    page.locator("#counts").fill(f"{MARFAN}\t12\nOMIM:219700\t40")
    page.locator(".counts-form button").first.press("Enter")
    page.locator("input[value=clinic]").press("Space")
    visitor.look("prior")
    visitor.goto(f"/models/{active_model.number}/")
    visitor.look("model-card")
