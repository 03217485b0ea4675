"""De-identified exports for research: what one would hold, making one, and downloading it."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.core.capabilities import Capability
from apps.core.downloads import named
from apps.core.jobs import UNFINISHED
from apps.core.queue import queue_after_commit
from apps.privacy.deidentification import DEFAULT_K, Report
from apps.privacy.forms import ResearchForm
from apps.privacy.research import (
    get_research_export,
    open_research_export,
    preview_research,
    request_research_export,
)
from apps.privacy.selectors import list_research_exports
from apps.privacy.tasks import make_research_export

MOST_SHOWN = 50


class Research(CapabilityRequired, ReauthenticationRequired, View):
    """The exports so far, and the form for another: first it says what would be in it, then it makes it."""

    capability = Capability.PRIVACY_RESEARCH

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, ResearchForm(initial={"k": DEFAULT_K}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ResearchForm(request.POST)
        if not form.is_valid():
            return self._page(request, form, status=422)
        wanted = form.cleaned_data
        if "confirmed" not in request.POST:
            report = preview_research(actor=self.actor, k=wanted["k"], small_cells=wanted["small_cells"])
            return self._page(request, form, report)
        with transaction.atomic():
            export = request_research_export(actor=self.actor, language=get_language() or "en", **wanted)
            queue_after_commit(make_research_export, str(export.pk))
        return redirect("privacy:research-export", export.pk)

    def _page(
        self, request: HttpRequest, form: ResearchForm, report: Report | None = None, status: int = 200
    ) -> HttpResponse:
        exports = list_research_exports(actor=self.actor)[:MOST_SHOWN]
        context = {"form": form, "report": report, "exports": exports}
        return render(request, "privacy/research.html", context, status=status)


class ResearchExportPage(CapabilityRequired, View):
    """How far an export is, and until when it can be downloaded."""

    capability = Capability.PRIVACY_RESEARCH

    def get(self, request: HttpRequest, export_id: UUID) -> HttpResponse:
        export = get_research_export(actor=self.actor, export_id=export_id)
        context = {"export": export, "is_busy": export.state in UNFINISHED}
        return render(request, "privacy/research_export.html", context)


class ResearchDownload(CapabilityRequired, ReauthenticationRequired, View):
    """The zip."""

    capability = Capability.PRIVACY_RESEARCH

    def get(self, request: HttpRequest, export_id: UUID) -> HttpResponse:
        content = open_research_export(actor=self.actor, export_id=export_id)
        return named(
            HttpResponse(content, content_type="application/zip"), f"hoofbeat-research-{export_id}.zip"
        )
