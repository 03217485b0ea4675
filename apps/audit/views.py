"""The trail, for auditors. Reading it leaves a trace as well."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.audit.forms import OUTCOMES, EventFilter
from apps.audit.models import AuditEvent
from apps.audit.selectors import list_events, names_of_actors, user_id_of
from apps.audit.services import record_event
from apps.core.access import CapabilityRequired
from apps.core.capabilities import Capability
from apps.core.paging import cursor_page
from apps.core.spreadsheets import csv_answer

PAGE_SIZE = 50
MOST_EXPORTED = 100_000


def _wanted(view: CapabilityRequired, form: EventFilter) -> QuerySet[AuditEvent]:
    events = list_events(actor=view.actor)
    if not form.is_valid():
        return events.none()
    wishes = form.cleaned_data
    if wishes["action"]:
        events = events.filter(action__startswith=wishes["action"])
    if wishes["actor"]:
        events = events.filter(actor_id=_user_id(view, wishes["actor"]))
    if wishes["outcome"]:
        events = events.filter(outcome=wishes["outcome"])
    if wishes["since"]:
        events = events.filter(
            occurred_at__gte=timezone.make_aware(datetime.combine(wishes["since"], time.min))
        )
    if wishes["until"]:
        events = events.filter(
            occurred_at__lte=timezone.make_aware(datetime.combine(wishes["until"], time.max))
        )
    if wishes["patient"]:
        events = events.filter(patient_ids__contains=[wishes["patient"]])
    return events


def _user_id(view: CapabilityRequired, actor: UUID | str) -> UUID | None:
    return actor if isinstance(actor, UUID) else user_id_of(actor=view.actor, username=actor)


def _record(view: CapabilityRequired, form: EventFilter, action: str, n_events: int) -> None:
    patient = form.cleaned_data.get("patient")
    record_event(
        actor=view.actor,
        action=action,
        object_type="audit",
        patient_ids=[patient] if patient else [],
        details={"n_events": n_events},
    )


class Events(CapabilityRequired, View):
    """A page of the organisation's events, newest first."""

    capability = Capability.AUDIT_READ

    @transaction.atomic
    def get(self, request: HttpRequest) -> HttpResponse:
        form = EventFilter(request.GET)
        page = cursor_page(
            _wanted(self, form),
            before=request.GET.get("before", ""),
            after=request.GET.get("after", ""),
            field="sequence",
            parse=int,
            size=PAGE_SIZE,
        )
        _record(self, form, "audit.read", len(page.rows))
        context = {
            "form": form,
            "page": page,
            "rows": list(_named(self, page.rows)),
            "is_filtered": any(request.GET.get(name) for name in form.fields),
        }
        return render(request, "audit/events.html", context, status=200 if form.is_valid() else 422)


def _named(view: CapabilityRequired, events: Iterable[AuditEvent]) -> Iterable[dict[str, Any]]:
    """Events with the names that their actors have now."""
    rows = list(events)
    names = names_of_actors(actor=view.actor, events=rows)
    for event in rows:
        yield {
            "event": event,
            "name": names.get(event.actor_id, ""),
            "outcome": OUTCOMES.get(event.outcome, ""),
        }


class EventExport(CapabilityRequired, View):
    """The filtered events as CSV."""

    capability = Capability.AUDIT_READ

    @transaction.atomic
    def get(self, request: HttpRequest) -> HttpResponse:
        form = EventFilter(request.GET)
        events = list(_wanted(self, form).order_by("-sequence")[:MOST_EXPORTED])
        _record(self, form, "audit.export", len(events))
        header = [
            _("Number"), _("When (UTC)"), _("Act"), _("Outcome"), _("Who"), _("Id of the account"), _("Roles"),
            _("Token"), _("Object"), _("Ids of the objects"), _("Ids of the patients"), _("Address"), _("Request"),
            _("Purpose"),
        ]  # fmt: skip
        lines = (_line(row) for row in _named(self, events))
        return csv_answer(f"hoofbeat-audit-{timezone.localdate():%Y-%m-%d}.csv", header, lines)


def _line(row: dict[str, Any]) -> list[object]:
    event: AuditEvent = row["event"]
    return [
        event.sequence, event.occurred_at.isoformat(timespec="milliseconds"), event.action, event.outcome, row["name"],
        str(event.actor_id or ""), " ".join(event.roles), str(event.token_id or ""), event.object_type,
        " ".join(map(str, event.object_ids)), " ".join(map(str, event.patient_ids)), event.address or "",
        event.request_id, event.purpose,
    ]  # fmt: skip
