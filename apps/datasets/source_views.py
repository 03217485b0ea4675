"""Pages of sources: all of them, one, adding and changing one, and reading one."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.core.capabilities import Capability
from apps.core.forms import add_errors
from apps.core.jobs import UNFINISHED
from apps.core.paging import cursor_page
from apps.core.problems import InvalidInput
from apps.core.queue import queue_after_commit
from apps.datasets.checking import takes_uploads_only
from apps.datasets.forms import SourceForm, UploadForm
from apps.datasets.ingestion import request_ingestion
from apps.datasets.selectors import get_source, list_ingestions, list_sources, list_versions
from apps.datasets.sources import FIELDS, add_source, change_source
from apps.datasets.tasks import ingest

MOST_SHOWN = 20


class Sources(CapabilityRequired, View):
    """What there is: sources, what was read lately, the newest versions, and what waits for a decision."""

    capability = Capability.DATASET_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        ingestions = list(list_ingestions(actor=self.actor)[:MOST_SHOWN])
        versions = list_versions(actor=self.actor)
        context = {
            "sources": list(list_sources(actor=self.actor)),
            "ingestions": ingestions,
            "is_busy": any(ingestion.state in UNFINISHED for ingestion in ingestions),
            "quarantined": list(versions.filter(state="quarantined")[:MOST_SHOWN]),
            "versions": list(versions[:MOST_SHOWN]),
        }
        if request.htmx:  # type: ignore[attr-defined]
            return _table(request, context)
        return render(request, "datasets/sources.html", context)


def _table(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The table of ingestions alone, asked for again while one is under way."""
    answer = render(request, "datasets/ingestions.html", context)
    if not context["is_busy"]:
        answer["HX-Refresh"] = "true"  # the new version stands outside of this table
    return answer


class AddSource(CapabilityRequired, View):
    """A new source."""

    capability = Capability.DATASET_WRITE

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "datasets/source_form.html", {"form": SourceForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SourceForm(request.POST)
        if form.is_valid():
            try:
                source = add_source(
                    actor=self.actor,
                    values={field: form.cleaned_data[field] for field in FIELDS},
                    credentials=form.credentials_given() or {},
                )
            except InvalidInput as problem:
                add_errors(form, problem.errors)
            else:
                messages.success(request, _("The source was added. Now read it, or upload a file."))
                return redirect("datasets:source", source.pk)
        return render(request, "datasets/source_form.html", {"form": form}, status=422)


class ChangeSource(CapabilityRequired, View):
    """Another location, shape, schedule; or disabled."""

    capability = Capability.DATASET_WRITE

    def get(self, request: HttpRequest, source_id: UUID) -> HttpResponse:
        source = get_source(actor=self.actor, source_id=source_id)
        form = SourceForm(initial={field: getattr(source, field) for field in FIELDS})
        return render(request, "datasets/source_form.html", {"form": form, "source": source})

    def post(self, request: HttpRequest, source_id: UUID) -> HttpResponse:
        source = get_source(actor=self.actor, source_id=source_id)
        form = SourceForm(request.POST)
        if form.is_valid():
            try:
                change_source(
                    actor=self.actor,
                    source_id=source_id,
                    values={field: form.cleaned_data[field] for field in FIELDS},
                    credentials=form.credentials_given(),
                )
            except InvalidInput as problem:
                add_errors(form, problem.errors)
            else:
                messages.success(request, _("The source was changed."))
                return redirect("datasets:source", source_id)
        context = {"form": form, "source": source}
        return render(request, "datasets/source_form.html", context, status=422)


class SourcePage(CapabilityRequired, View):
    """One source: how it is read, reading it now, and what became of earlier readings."""

    capability = Capability.DATASET_READ

    def get(self, request: HttpRequest, source_id: UUID) -> HttpResponse:
        source = get_source(actor=self.actor, source_id=source_id)
        return source_page(request, self.actor, source, UploadForm())


def source_page(
    request: HttpRequest, actor: Any, source: Any, form: UploadForm, status: int = 200
) -> HttpResponse:
    """The page of a source, also with what was wrong with an upload."""
    page = cursor_page(
        list_ingestions(actor=actor, source=source),
        before=request.GET.get("before", ""),
        after=request.GET.get("after", ""),
        size=MOST_SHOWN,
    )
    context = {
        "source": source,
        "form": form,
        "ingestions": page.rows,
        "page": page,
        "is_busy": any(ingestion.state in UNFINISHED for ingestion in page.rows),
        "takes_uploads_only": takes_uploads_only(source),
        "drafts": list(source.drafts.all()[:5]),
    }
    if request.htmx:  # type: ignore[attr-defined]
        return _table(request, context)
    return render(request, "datasets/source.html", context, status=status)


class Ingest(CapabilityRequired, View):
    """Reads a source now, or a file that is uploaded in its place."""

    capability = Capability.DATASET_WRITE
    http_method_names = ["post"]
    takes_uploads = True

    def post(self, request: HttpRequest, source_id: UUID) -> HttpResponse:
        source = get_source(actor=self.actor, source_id=source_id)
        uploaded = request.FILES.get("upload")
        upload = None if uploaded is None else (uploaded.name or "upload", uploaded.read())
        try:
            with transaction.atomic():
                ingestion = request_ingestion(actor=self.actor, source_id=source_id, upload=upload)
                queue_after_commit(ingest, str(ingestion.pk))
        except InvalidInput as problem:
            form = UploadForm({}, {})
            form.errors.clear()
            add_errors(form, problem.errors)
            return source_page(request, self.actor, source, form, status=422)
        return redirect("datasets:ingestion", ingestion.pk)
