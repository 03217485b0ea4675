"""A phenopacket on the consultation page: shown before it is taken, taken as one act, and undone."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.cases.selectors import get_case
from apps.cases.services import lock_case
from apps.core.capabilities import Capability
from apps.core.problems import FieldError, InvalidInput
from apps.predictions.packets import LARGEST, read_packet
from apps.predictions.services import change_checked_case, findings_of
from apps.predictions.views.consultation import findings_context

STATES = ("present", "absent", "uncertain")


class ReadPacketPage(CapabilityRequired, View):
    """Shows what a phenopacket says, for the clinician to tick."""

    capability = Capability.CASE_WRITE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        upload = request.FILES.get("packet")
        case = get_case(actor=self.actor, case_id=case_id, permission="change_case")
        context: dict[str, Any] = {"case": case}
        status = 200
        try:
            raw = upload.read(LARGEST + 1) if upload else b""
            context["case"], context["packet"] = read_packet(actor=self.actor, case_id=case_id, raw=raw)
        except InvalidInput as problem:
            context["error"] = problem.errors[0]
            status = 422
        if not request.htmx:  # type: ignore[attr-defined]
            return render(request, "packets/page.html", context, status=status)
        answer = render(request, "packets/preview.html", context, status=status)
        answer["HX-Retarget"] = "#packet-preview"
        return answer


class TakePacket(CapabilityRequired, View):
    """Adds what was ticked to the case; the answer can put all back as it was."""

    capability = Capability.CASE_WRITE
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        lock_case(actor=self.actor, case_id=case_id)
        before = findings_of(get_case(actor=self.actor, case_id=case_id, permission="change_case"))
        is_undo = "undo" in request.POST
        wanted = {state: request.POST.getlist(state) for state in STATES}
        named = {term_id for ids in wanted.values() for term_id in ids}
        if not is_undo:
            if not named and not {"age", "sex"} & request.POST.keys():
                raise InvalidInput([FieldError("findings", "nothing_ticked", "")])
            for state in STATES:
                kept = [term_id for term_id in getattr(before, state) if term_id not in named]
                wanted[state] = [*kept, *wanted[state]]
        age, sex = request.POST.get("age"), request.POST.get("sex")
        case, _notices = change_checked_case(
            actor=self.actor, case_id=case_id, age=age, sex=sex, **wanted, consents={}, consent_channel=""
        )
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("predictions:consultation", case.pk)
        context = findings_context(self, case) | {
            "saved_at": timezone.now(),
            "before": before,
            "is_undo": is_undo,
        }
        return render(request, "packets/taken.html", context)
