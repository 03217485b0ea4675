"""A phenopacket into a case and out of it again, by keyboard."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from apps.cases.models import Case
from tests.browser.conftest import Visitor
from tests.pages.test_packets import PACKET

WORDS = {
    "en": ("Import a phenopacket", "Show what it says", "Take over what is ticked", "Undo"),
    "es": ("Importar un phenopacket", "Mostrar lo que dice", "Incorporar lo marcado", "Deshacer"),
}


@pytest.mark.parametrize(("width", "language"), [(1280, "en"), (390, "es")])
def test_a_packet_is_taken_and_undone(
    visit: Callable[..., Visitor],
    user_of: Callable[..., Any],
    case_of: Callable[..., Case],
    width: int,
    language: str,
) -> None:
    words = WORDS[language]
    clinician = user_of()
    case = case_of(clinician, present=("HP:0001166",), absent=(), age="")
    visitor = visit(width, language)
    visitor.expected.append("422")
    page = visitor.page
    visitor.enter(clinician)
    visitor.goto(f"/cases/{case.pk}/")
    page.get_by_text(words[0], exact=True).press("Enter")
    upload = page.locator("#packet-file")
    upload.set_input_files({"name": "p.json", "mimeType": "application/json", "buffer": b'{"id": 7}'})
    page.get_by_role("button", name=words[1]).press("Enter")
    expect(page.locator("#packet-preview [role=alert]")).to_contain_text("id: 7")
    visitor.look("packet-problem")
    raw = json.dumps(PACKET).encode()
    upload.set_input_files({"name": "p.json", "mimeType": "application/json", "buffer": raw})
    page.get_by_role("button", name=words[1]).press("Enter")
    expect(page.locator("#take-packet")).to_be_focused()
    expect(page.locator("#packet-HP\\:0001166")).not_to_be_checked()
    visitor.look("packet")
    page.locator("#take-packet").get_by_role("button", name=words[2]).press("Enter")
    expect(page.locator("#findings li")).to_have_count(3)
    visitor.look("packet-taken")
    page.locator("#packet-preview").get_by_role("button", name=words[3]).press("Enter")
    expect(page.locator("#findings li")).to_have_count(1)
    assert list(case.findings.values_list("term_id", flat=True)) == ["HP:0001166"]
