"""The trail, for auditors. Reading it leaves a trace as well."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.audit.forms import OUTCOMES, EventFilter
from apps.audit.models import AuditEvent
from apps.audit.selectors import events_about, in_batches, list_events, names_of_actors, user_id_of
from apps.audit.services import record_event
from apps.core.access import CapabilityRequired
from apps.core.capabilities import Capability
from apps.core.downloads import json_stream
from apps.core.paging import cursor_page
from apps.core.spreadsheets import csv_stream

PAGE_SIZE = 50
MOST_EXPORTED = 100_000


def _wanted(view: CapabilityRequired, form: EventFilter) -> QuerySet[AuditEvent]:
    events = list_events(actor=view.actor)
    if not form.is_valid():
        return events.none()
    wishes = form.cleaned_data
    if wishes["patient"]:
        events = events_about(actor=view.actor, patient_id=wishes["patient"])
    if wishes["action"]:
        events = events.filter(action__startswith=wishes["action"])
    if wishes["actor"]:
        actor_id = _user_id(view, wishes["actor"])
        # What no person did has no account either.
        events = events.none() if actor_id is None else events.filter(actor_id=actor_id)
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
    if wishes["object"]:
        events = events.filter(object_ids__contains=[wishes["object"]])
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
            "most": MOST_EXPORTED,
            # Counting many is slow, and needless where all stand on this page.
            "is_capped": bool(page.older) and _count(_wanted(self, form)) > MOST_EXPORTED,
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


def _count(events: QuerySet[AuditEvent]) -> int:
    """How many there are, as far as an export reaches, and one more."""
    return events.order_by()[: MOST_EXPORTED + 1].count()


class _Export(CapabilityRequired, View):
    """The filtered events, newest first, as a file that is written while it is sent."""

    capability = Capability.AUDIT_READ
    ending: str

    @transaction.atomic
    def get(self, request: HttpRequest) -> StreamingHttpResponse:
        form = EventFilter(request.GET)
        wanted = _wanted(self, form)
        n_events = _count(wanted)
        # Nothing that comes meanwhile, the event of this very export among it.
        newest = wanted.order_by("-sequence").values_list("sequence", flat=True).first() or 0
        _record(self, form, "audit.export", min(n_events, MOST_EXPORTED))
        rows = (
            row
            for batch in in_batches(events=wanted.filter(sequence__lte=newest), most=MOST_EXPORTED)
            for row in _named(self, batch)
        )
        is_complete = n_events <= MOST_EXPORTED
        part = "" if is_complete else f"-newest-{MOST_EXPORTED}"
        filename = f"hoofbeat-audit-{timezone.localdate():%Y-%m-%d}{part}.{self.ending}"
        return self.file(filename, rows, is_complete)

    def file(self, filename: str, rows: Iterable[dict[str, Any]], is_complete: bool) -> StreamingHttpResponse:
        """The rows in the format of the class; whoever reads the file must see that it is not complete."""
        raise NotImplementedError


class EventCsv(_Export):
    """As a table for spreadsheet programs; its name says when it is not complete."""

    ending = "csv"

    def file(self, filename: str, rows: Iterable[dict[str, Any]], is_complete: bool) -> StreamingHttpResponse:
        header = [
            _("Number"), _("When (UTC)"), _("Act"), _("Outcome"), _("Who"), _("Id of the account"), _("Roles"),
            _("Token"), _("Object"), _("Ids of the objects"), _("Ids of the patients"), _("Address"), _("Request"),
            _("Purpose"),
        ]  # fmt: skip
        return csv_stream(filename, header, (_line(row) for row in rows))


class EventJson(_Export):
    """As JSON, with all that an event holds."""

    ending = "json"

    def file(self, filename: str, rows: Iterable[dict[str, Any]], is_complete: bool) -> StreamingHttpResponse:
        head = {"made_at": timezone.now(), "is_complete": is_complete}
        return json_stream(filename, head, "events", (_json(row) for row in rows))


def _json(row: dict[str, Any]) -> dict[str, Any]:
    event: AuditEvent = row["event"]
    return {field.name: getattr(event, field.name) for field in event._meta.concrete_fields} | {
        "actor_name": row["name"]
    }


def _line(row: dict[str, Any]) -> list[object]:
    event: AuditEvent = row["event"]
    return [
        event.sequence, event.occurred_at.isoformat(timespec="milliseconds"), event.action, event.outcome, row["name"],
        str(event.actor_id or ""), " ".join(event.roles), str(event.token_id or ""), event.object_type,
        " ".join(map(str, event.object_ids)), " ".join(map(str, event.patient_ids)), event.address or "",
        event.request_id, event.purpose,
    ]  # fmt: skip
