"""The report of who looked at a patient's data: for whom, on paper, and as files."""

from collections.abc import Iterator
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.audit.selectors import in_batches
from apps.core.capabilities import Capability
from apps.core.downloads import json_stream
from apps.core.spreadsheets import csv_stream
from apps.privacy.access_report import Access, accesses_in, find_subjects, read_accesses
from apps.privacy.forms import PatientSearch
from apps.privacy.patient_search_views import PatientSearched
from apps.privacy.selectors import list_archives

MOST_SHOWN = 500
MOST_EXPORTED = 100_000
MOST_ARCHIVES = 10


class AccessReports(PatientSearched):
    """The search for whom the report is."""

    capability = Capability.PRIVACY_READ
    leads_to = "privacy:access-report"

    def find(self, text: str) -> list[UUID]:
        return list(find_subjects(actor=self.actor, text=text))

    def page(self, request: HttpRequest, form: PatientSearch, status: int = 200) -> HttpResponse:
        return render(request, "privacy/access_reports.html", {"form": form}, status=status)


class AccessReport(CapabilityRequired, View):
    """The report, to be read and printed."""

    capability = Capability.PRIVACY_READ

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        with_names = "names" in request.GET
        events = read_accesses(actor=self.actor, patient_id=patient_id, with_names=with_names)
        rows = list(events.order_by("-sequence")[: MOST_SHOWN + 1])
        context = {
            "patient_id": patient_id,
            "accesses": list(accesses_in(actor=self.actor, events=rows[:MOST_SHOWN], with_names=with_names)),
            "with_names": with_names,
            "is_capped": len(rows) > MOST_SHOWN,
            "most": MOST_SHOWN,
            "made_at": timezone.now(),
            "archives": list_archives(actor=self.actor, patient_id=patient_id)[:MOST_ARCHIVES],
        }
        return render(request, "privacy/access_report.html", context)


class _Export(CapabilityRequired, View):
    capability = Capability.PRIVACY_READ

    def accesses(self, request: HttpRequest, patient_id: UUID) -> tuple[Iterator[Access], bool]:
        """The newest accesses, made while they are sent, and whether they are all."""
        with_names, language = "names" in request.GET, get_language()
        events = read_accesses(
            actor=self.actor, patient_id=patient_id, with_names=with_names, action="access_report.export"
        )
        newest = events.order_by("-sequence").values_list("sequence", flat=True).first() or 0
        events = events.filter(sequence__lte=newest)
        is_complete = events.order_by()[: MOST_EXPORTED + 1].count() <= MOST_EXPORTED

        def made() -> Iterator[Access]:
            for batch in in_batches(events=events, most=MOST_EXPORTED):
                with override(language):
                    accesses = list(accesses_in(actor=self.actor, events=batch, with_names=with_names))
                yield from accesses

        return made(), is_complete


def _filename(is_complete: bool, ending: str) -> str:
    part = "" if is_complete else f"-newest-{MOST_EXPORTED}"
    return f"hoofbeat-access-report-{timezone.localdate():%Y-%m-%d}{part}.{ending}"


class AccessReportCsv(_Export):
    """The report as a table."""

    def get(self, request: HttpRequest, patient_id: UUID) -> StreamingHttpResponse:
        accesses, is_complete = self.accesses(request, patient_id)
        header = [
            _("When (UTC)"), _("What was done"), _("What for"), _("As what"), _("Who"), _("Organisation"),
            _("By a program"), _("Outcome"), _("Id of the event"),
        ]  # fmt: skip
        words = {True: _("yes"), False: _("no")}
        outcomes = {"ok": _("done"), "denied": _("refused"), "failed": _("failed")}
        rows = (
            [
                access.at.isoformat(timespec="seconds"), access.what, access.purpose, access.role, access.person,
                access.organisation, words[access.is_program], outcomes.get(access.outcome, access.outcome),
                str(access.event),
            ]
            for access in accesses
        )  # fmt: skip
        return csv_stream(_filename(is_complete, "csv"), header, rows)


class AccessReportJson(_Export):
    """The report as JSON."""

    def get(self, request: HttpRequest, patient_id: UUID) -> StreamingHttpResponse:
        accesses, is_complete = self.accesses(request, patient_id)
        head = {"patient": patient_id, "made_at": timezone.now(), "is_complete": is_complete}
        return json_stream(
            _filename(is_complete, "json"), head, "accesses", (access.as_json() for access in accesses)
        )
