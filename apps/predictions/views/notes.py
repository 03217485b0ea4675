"""A pasted note: what was found in it, and taking over what a clinician confirms."""

from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.cases.forms import MOST_FINDINGS
from apps.cases.models import Case
from apps.cases.selectors import get_case
from apps.cases.services import set_findings
from apps.core.capabilities import Capability
from apps.core.problems import FieldError, InvalidInput
from apps.knowledge.notes import LANGUAGES, STATES, ReadNote
from apps.knowledge.selectors import resolve_terms
from apps.knowledge.services import read_note
from apps.predictions.views.consultation import IS_PRESENT, findings_context


class ReadNotePage(CapabilityRequired, View):
    """Shows what a note says beside its text, for the clinician to tick. The note is not kept."""

    capability = Capability.CASE_WRITE
    http_method_names = ["post"]
    # A note that is no text gets an answer that says so.
    fields_with_any_text = ("note",)

    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        text = request.POST.get("note", "")
        language = request.POST.get("language", "")
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        context: dict[str, Any] = {"case": case, "note": text, "language": language}
        try:
            found = read_note(
                actor=self.actor,
                text=text,
                language=language if language in LANGUAGES else None,
                case_id=case.pk,
                patient_id=case.patient_id,
            )
        except InvalidInput as problem:
            context["error"] = problem.errors[0]
            return self._answer(request, context, 422)
        return self._answer(request, context | preview_of(text, found, case), 200)

    def _answer(self, request: HttpRequest, context: dict[str, Any], status: int) -> HttpResponse:
        if not request.htmx:  # type: ignore[attr-defined]
            return render(request, "notes/page.html", context, status=status)
        if status == 200:
            return render(request, "notes/preview.html", context)
        answer = render(request, "notes/problem.html", context, status=status)
        answer["HX-Retarget"] = "#note-problem"
        return answer


class TakeFindings(CapabilityRequired, View):
    """Adds what was ticked."""

    capability = Capability.CASE_WRITE
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        ticked = request.POST.getlist("finding")[: MOST_FINDINGS + 1]
        known = resolve_terms(term_ids=ticked)
        if unknown := [term_id for term_id in ticked if term_id not in known]:
            raise InvalidInput(FieldError("findings", "unknown_finding", "", term_id) for term_id in unknown)
        states = {
            known[term_id].pk: IS_PRESENT.get(request.POST.get(f"state-{term_id}", ""), True)
            for term_id in dict.fromkeys(ticked)
        }
        if not states:
            get_case(actor=self.actor, case_id=case_id, permission="change_case")
            raise InvalidInput([FieldError("findings", "nothing_ticked", "")])
        case = set_findings(actor=self.actor, case_id=case_id, states=states)
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("predictions:consultation", case.pk)
        context = findings_context(self, case) | {"n_taken": len(states), "saved_at": timezone.now()}
        return render(request, "notes/taken.html", context)


def preview_of(text: str, note: ReadNote, case: Case) -> dict[str, Any]:
    """The text in pieces, those that name a finding marked; and a line for each finding, ticked where it is sure."""
    recorded = {finding.term_id: finding.state for finding in case.findings.all()}
    lines = []
    for found in note.findings:
        first = next(mention for mention in found.mentions if mention.status == found.state)
        known = recorded.get(found.id)
        lines.append(
            {
                "finding": found,
                "words": " ".join(first.text.split()),
                "recorded": known,
                "state": "present" if found.state == "family" else found.state,
                "is_ticked": known is None and found.state in {"present", "absent"},
                "is_exact": found.score > 0.99,
            }
        )
    return {"read": note, "lines": lines, "pieces": _pieces(text, note), "states": STATES}


def _pieces(text: str, note: ReadNote) -> list[dict[str, Any]]:
    """The whole text: plain pieces and marked ones in turn. Of places that overlap the first is marked."""
    marked, end = [], 0
    for mention in sorted(
        (mention for found in note.findings for mention in found.mentions), key=lambda m: (m.start, -m.end)
    ):
        if mention.start >= end:
            marked.append(mention)
            end = mention.end
    edges = [0, *(edge for mention in marked for edge in (mention.start, mention.end)), len(text)]
    pieces: list[dict[str, Any]] = []
    for number, (start, stop) in enumerate(pairwise(edges)):
        if start < stop:
            pieces.append({"text": text[start:stop], "mention": marked[number // 2] if number % 2 else None})
    return pieces
