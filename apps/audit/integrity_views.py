"""Whether the trail is whole: how sealing is, verifying it, and proofs of single events."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.audit import verifier
from apps.audit.anchor import anchor_place
from apps.audit.finding_words import told_of
from apps.audit.proofs import Proof, prove_event
from apps.audit.selectors import get_event, get_sealing, list_verifications
from apps.audit.services import record_event
from apps.audit.tasks import verify
from apps.audit.verifications import request_verification
from apps.core.access import CapabilityRequired
from apps.core.capabilities import Capability
from apps.core.downloads import named
from apps.core.jobs import UNFINISHED
from apps.core.problems import Conflict
from apps.core.queue import queue_after_commit

MOST_SHOWN = 10


def _runs() -> dict[str, Any]:
    runs = list(list_verifications()[:MOST_SHOWN])
    newest = next((run for run in runs if run.result is not None), None)
    return {
        "runs": runs,
        "is_busy": any(run.state in UNFINISHED for run in runs),
        "newest": newest,
        "told": told_of(newest) if newest else [],
    }


class Integrity(CapabilityRequired, View):
    """How sealing is, and what the last verification found. It names no patient, so looking leaves no event."""

    capability = Capability.AUDIT_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        kind, place = anchor_place()
        context = {
            "sealing": get_sealing(now=timezone.now()),
            "anchor_kind": kind,
            "anchor_place": place,
            **_runs(),
        }
        return render(request, "audit/integrity.html", context)


class Verifications(CapabilityRequired, View):
    """The verifications alone, asked for again while one is under way."""

    capability = Capability.AUDIT_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("audit:integrity")
        context = _runs()
        response = render(request, "audit/verifications.html", context)
        if not context["is_busy"]:
            # What was found, and the button to verify again, stand outside of this table.
            response["HX-Refresh"] = "true"
        return response


class Verify(CapabilityRequired, View):
    """Asks for a verification."""

    capability = Capability.AUDIT_READ
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest) -> HttpResponse:
        run = request_verification(actor=self.actor)
        queue_after_commit(verify, str(run.pk))
        messages.success(request, _("The verification was requested. Its progress stands below."))
        return redirect("audit:integrity")


class EventProof(CapabilityRequired, View):
    """The proof that an event was sealed, as a file."""

    capability = Capability.AUDIT_READ

    @transaction.atomic
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        event = get_event(actor=self.actor, event_id=event_id)
        proof = prove_event(sequence=event.sequence)
        record_event(
            actor=self.actor,
            action="audit.proof",
            object_type="audit",
            object_ids=[event.id],
            patient_ids=event.patient_ids,
        )
        return proof_answer(proof)


def proof_answer(proof: Proof | None) -> HttpResponse:
    """The proof as a download. Raises Conflict when there is none yet."""
    if proof is None:
        raise Conflict(_("This event waits to be sealed. Ask again in a few seconds."))
    answer = JsonResponse(proof, json_dumps_params={"indent": 1, "ensure_ascii": False})
    name = f"hoofbeat-proof-{proof['event']['sequence']}.json"
    return named(answer, name)


class Verifier(CapabilityRequired, View):
    """The program that checks a proof by itself."""

    capability = Capability.AUDIT_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        answer = HttpResponse(
            Path(verifier.__file__).read_bytes(), content_type="text/x-python; charset=utf-8"
        )
        return named(answer, "verifier.py")
