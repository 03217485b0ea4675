"""The record of processing activities, to read, print and take along."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.core.capabilities import Capability
from apps.core.spreadsheets import csv_answer
from apps.privacy.inventory.markdown import facts_of
from apps.privacy.inventory.record import ProcessingRecord, processing_record


class _OfOrganisation(CapabilityRequired, View):
    # The record speaks of columns and never of what stands in them, so reading it is no access to anybody.
    capability = Capability.PRIVACY_READ

    def record(self, request: HttpRequest) -> ProcessingRecord:
        """That of the reader's own organisation, which is the controller."""
        organisation = self.actor.account().organisation
        return processing_record(controllers=[organisation.name] if organisation else [])


class ProcessingPage(_OfOrganisation):
    """The record, an activity after the other."""

    def get(self, request: HttpRequest) -> HttpResponse:
        record = self.record(request)
        entries = [{"entry": entry, "facts": facts_of(entry)} for entry in record.entries]
        return render(request, "privacy/processing.html", {"record": record, "entries": entries})


class ProcessingExport(_OfOrganisation):
    """One row a column of the database that says something of a person, as CSV."""

    def get(self, request: HttpRequest) -> HttpResponse:
        header = [
            _("Activity"), _("Field"), _("Kind"), _("Encryption"), _("Purpose"), _("Legal basis (GDPR)"),
            _("Whose data"), _("Recipients"), _("Transfers to third countries"), _("Kept"),
        ]  # fmt: skip
        rows = (
            [
                entry.name, column.name, column.kind.label, column.protection, entry.purpose, entry.basis,
                entry.subjects, entry.recipients, entry.transfers, column.retention,
            ]
            for entry in self.record(request).entries
            for column in entry.columns
        )  # fmt: skip
        return csv_answer(f"hoofbeat-processing-{timezone.localdate():%Y-%m-%d}.csv", header, rows)
