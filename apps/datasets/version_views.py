"""Pages of an ingestion with its report, and of dataset versions with their cases."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import people_of
from apps.core.capabilities import Capability
from apps.core.downloads import named
from apps.core.forms import add_errors
from apps.core.jobs import UNFINISHED
from apps.core.paging import CursorPage, cursor_page, row_page
from apps.core.problems import Conflict, InvalidInput
from apps.core.spreadsheets import csv_stream
from apps.datasets.forms import CaseFilterForm, DecisionForm
from apps.datasets.ingestion import cancel_ingestion
from apps.datasets.models import DatasetVersion, ReportEntry
from apps.datasets.reports import report_of
from apps.datasets.selectors import (
    FEWEST_COUNTED,
    cases_of,
    entries_of,
    get_ingestion,
    get_version,
    ingestion_that_made,
    list_versions,
)
from apps.datasets.versions import decide_version, read_cases
from apps.knowledge.selectors import labels_of, names_of


class IngestionPage(CapabilityRequired, View):
    """How far it is; then what became of every row, a section and a page of it at a time."""

    capability = Capability.DATASET_READ

    def get(self, request: HttpRequest, ingestion_id: UUID) -> HttpResponse:
        ingestion = get_ingestion(actor=self.actor, ingestion_id=ingestion_id)
        is_busy = ingestion.state in UNFINISHED
        if request.htmx:  # type: ignore[attr-defined]
            answer = render(request, "datasets/progress.html", {"ingestion": ingestion, "is_busy": is_busy})
            if not is_busy:
                answer["HX-Refresh"] = "true"
            return answer
        counts = ingestion.summary.get("counts", {})
        kind = request.GET.get("kind", "")
        if kind not in ReportEntry.Kind.values:
            kind = next((kind for kind in ReportEntry.Kind.values if counts.get(kind)), "rejected")
        context = {
            "ingestion": ingestion,
            "is_busy": is_busy,
            "kind": kind,
            "sections": [(value, label, counts.get(value, 0)) for value, label in ReportEntry.Kind.choices],
            "page": _page(request, entries_of(ingestion=ingestion, kind=kind)),
            "people": people_of(actor=self.actor, user_ids=_known(ingestion.requested_by_id)),
        }
        return render(request, "datasets/ingestion.html", context)


class Cancel(CapabilityRequired, View):
    """Stops an ingestion."""

    capability = Capability.DATASET_WRITE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, ingestion_id: UUID) -> HttpResponse:
        cancel_ingestion(actor=self.actor, ingestion_id=ingestion_id)
        messages.success(request, _("It will stop at its next step; no version is made."))
        return redirect("datasets:ingestion", ingestion_id)


class ReportDownload(CapabilityRequired, View):
    """The whole report: Markdown for people, JSON for programs."""

    capability = Capability.DATASET_READ

    def get(self, request: HttpRequest, ingestion_id: UUID, form: str) -> HttpResponse:
        report = report_of(_reported(self.actor, ingestion_id))
        if form == "md":
            answer = HttpResponse(report.as_markdown(), content_type="text/markdown; charset=utf-8")
        else:
            answer = JsonResponse(report.as_dict(), json_dumps_params={"indent": 1, "ensure_ascii": False})
        return named(answer, f"ingestion-{ingestion_id}.{form}")


class Rejected(CapabilityRequired, View):
    """The rejected rows as CSV, for whoever mends them."""

    capability = Capability.DATASET_READ

    def get(self, request: HttpRequest, ingestion_id: UUID) -> HttpResponseBase:
        rows = entries_of(ingestion=_reported(self.actor, ingestion_id), kind="rejected").order_by("id")
        lines = ((row.file, row.row or "", row.why) for row in rows.iterator())
        return csv_stream(f"rejected-{ingestion_id}.csv", (_("file"), _("row"), _("why")), lines)


class Versions(CapabilityRequired, View):
    """All versions, newest first."""

    capability = Capability.DATASET_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        page = cursor_page(
            list_versions(actor=self.actor),
            before=request.GET.get("before", ""),
            after=request.GET.get("after", ""),
        )
        return render(request, "datasets/versions.html", {"page": page})


class VersionPage(CapabilityRequired, View):
    """One version: where it came from, what it holds, and its cases. Cases of our own patients are only counted."""

    capability = Capability.DATASET_READ

    def get(self, request: HttpRequest, version_id: UUID) -> HttpResponse:
        version = get_version(actor=self.actor, version_id=version_id)
        return version_page(request, self.actor, version, DecisionForm())


def version_page(
    request: HttpRequest, actor: Any, version: DatasetVersion, decision: DecisionForm, status: int = 200
) -> HttpResponse:
    """The page of a version, also with what was wrong with a decision."""
    form = CaseFilterForm(request.GET)
    wanted = {name: text.strip() for name, text in form.cleaned_data.items()} if form.is_valid() else {}
    is_own = version.source_id is None
    rows = (
        cases_of(version=version, **wanted) if is_own else read_cases(actor=actor, version=version, **wanted)
    )
    context: dict[str, Any] = {
        "version": version,
        "made_by": ingestion_that_made(version=version),
        "form": form,
        "decision": decision,
        "is_filtered": any(wanted.values()),
        "people": people_of(actor=actor, user_ids=_known(version.made_by_id, version.decided_by_id)),
        "is_own": is_own,
        "n_found": rows.count(),
        "fewest": FEWEST_COUNTED,
    }
    if not is_own:
        context["page"] = page = _page(request, rows)
        context["labels"] = labels_of(
            term_ids=sorted({term for row in page.rows for term in (*row.present, *row.absent)})
        ) | {
            disease_id: disease.name
            for disease_id, disease in names_of(
                disease_ids=sorted({disease for row in page.rows for disease in row.diagnoses})
            ).items()
        }
    return render(request, "datasets/version.html", context, status=status)


class Decide(CapabilityRequired, View):
    """Accepts or rejects a quarantined version."""

    capability = Capability.DATASET_WRITE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, version_id: UUID) -> HttpResponse:
        version = get_version(actor=self.actor, version_id=version_id)
        form = DecisionForm(request.POST)
        if form.is_valid():
            try:
                decide_version(
                    actor=self.actor,
                    version_id=version_id,
                    accept=form.cleaned_data["verdict"] == "accept",
                    reason=form.cleaned_data["reason"],
                )
            except InvalidInput as problem:
                add_errors(form, problem.errors)
            else:
                return redirect("datasets:version", version_id)
        return version_page(request, self.actor, version, form, status=422)


def _page(request: HttpRequest, rows: Any) -> CursorPage:
    return row_page(rows, after=request.GET.get("after", ""), before=request.GET.get("before", ""))


def _reported(actor: Any, ingestion_id: UUID) -> Any:
    ingestion = get_ingestion(actor=actor, ingestion_id=ingestion_id)
    if not ingestion.summary:
        raise Conflict(_("There is no report: it has not ended, or the source could not be read."))
    return ingestion


def _known(*ids: UUID | None) -> list[UUID]:
    return [user_id for user_id in ids if user_id is not None]
