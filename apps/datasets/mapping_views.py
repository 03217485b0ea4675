"""Pages of the mapping assistant: a sample, its columns, what its codes mean, and saving all that."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.core.capabilities import Capability
from apps.core.downloads import named
from apps.core.forms import add_errors
from apps.core.jobs import UNFINISHED
from apps.core.problems import Denied, InvalidInput
from apps.core.queue import queue_after_commit
from apps.datasets.forms import MeaningForm, UploadForm
from apps.datasets.mapping import (
    change_layout,
    confirm_exact,
    decide_code,
    profile_of,
    request_draft,
    save_mapping,
    texts_of,
)
from apps.datasets.models import MappingDraft, MappingProposal
from apps.datasets.selectors import get_draft, get_source
from apps.datasets.tasks import profile_sample
from ml.data.profile import ROLES, Layout, problems_of, sexes_of, states_of
from ml.data.proposals import SYNONYM
from ml.data.records import STATES
from ml.data.shape import AGE_UNITS
from ml.features.encode import SEXES

PAGE = 50


class Sample(CapabilityRequired, View):
    """Takes a sample of a source's records."""

    capability = Capability.DATASET_WRITE
    takes_uploads = True

    def get(self, request: HttpRequest, source_id: UUID) -> HttpResponse:
        source = get_source(actor=self.actor, source_id=source_id)
        return render(request, "datasets/sample.html", {"source": source, "form": UploadForm()})

    def post(self, request: HttpRequest, source_id: UUID) -> HttpResponse:
        source = get_source(actor=self.actor, source_id=source_id)
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["upload"]
            try:
                with transaction.atomic():
                    upload = (file.name, file.read())
                    draft = request_draft(actor=self.actor, source_id=source_id, upload=upload)
                    queue_after_commit(profile_sample, str(draft.pk))
            except InvalidInput as problem:
                add_errors(form, problem.errors)
            else:
                return redirect("datasets:draft", draft.pk)
        return render(request, "datasets/sample.html", {"source": source, "form": form}, status=422)


class Draft(CapabilityRequired, View):
    """The columns of the sample and what each is; posting corrects that."""

    capability = Capability.DATASET_WRITE

    def get(self, request: HttpRequest, draft_id: UUID) -> HttpResponse:
        draft = get_draft(actor=self.actor, draft_id=draft_id)
        is_busy = draft.state in UNFINISHED
        context = {"draft": draft, "is_busy": is_busy}
        if request.htmx:  # type: ignore[attr-defined]
            answer = render(request, "datasets/draft_progress.html", context)
            if not is_busy:
                answer["HX-Refresh"] = "true"
            return answer
        seen = profile_of(draft)
        columns = (
            [(i, column, draft.layout.get(column.name, {})) for i, column in enumerate(seen.columns)]
            if seen
            else []
        )
        context |= {
            "seen": seen,
            "columns": columns,
            "roles": ROLES,
            "units": list(AGE_UNITS),
            "states": STATES,
            "sexes": SEXES,
            "problems": problems_of(draft.layout) if seen else [],
            "counts": _counts(draft),
        }
        return render(request, "datasets/draft.html", context)

    def post(self, request: HttpRequest, draft_id: UUID) -> HttpResponse:
        draft = get_draft(actor=self.actor, draft_id=draft_id)
        with transaction.atomic():
            change_layout(actor=self.actor, draft_id=draft_id, layout=_layout(draft, request.POST))
            queue_after_commit(profile_sample, str(draft_id))
        return redirect("datasets:draft", draft_id)


def _layout(draft: MappingDraft, posted: QueryDict) -> Layout:
    """What the form says of each column; what it does not say, or nobody knows, stays as it was."""
    seen = profile_of(draft)
    layout: Layout = {}
    for i, column in enumerate(seen.columns if seen else ()):
        before = draft.layout.get(column.name, {"role": "ignore"})
        role = posted.get(f"role-{i}", before["role"])
        given: dict[str, Any] = {"role": role if role in ROLES else before["role"]}
        if given["role"] == "age":
            unit = posted.get(f"unit-{i}", before.get("unit", "years"))
            given["unit"] = unit if unit in AGE_UNITS else "years"
        if given["role"] == "codes":
            given["separator"] = posted.get(f"separator-{i}", before.get("separator", ""))[:5]
        if given["role"] in ("states", "column", "sex"):
            known = SEXES if given["role"] == "sex" else STATES
            guessed = (sexes_of if given["role"] == "sex" else states_of)(column.values)
            values = {value: before.get("values", {}).get(value) or guessed[value] for value in column.values}
            for number, value in enumerate(column.values):
                meant = posted.get(f"value-{i}-{number}", "")
                values[value] = meant if meant in known else values[value] if values[value] in known else ""
            given["values"] = values
        layout[column.name] = given
    return layout


def _counts(draft: MappingDraft) -> list[dict[str, Any]]:
    """Of each kind: how many codes, how many confirmed, how many with the same name, how many without anything."""
    found = []
    for kind, label in MappingProposal.Kind.choices:
        rows = list(draft.proposals.filter(kind=kind).values_list("is_confirmed", "score", "target_id"))
        found.append(
            {
                "kind": kind,
                "label": label,
                "n": len(rows),
                "confirmed": sum(is_confirmed for is_confirmed, _score, _target in rows),
                "exact": sum(not done and score >= SYNONYM and target != "" for done, score, target in rows),
                "without": sum(not done and not target for done, _score, target in rows),
            }
        )
    return found


class Codes(CapabilityRequired, View):
    """What the codes may mean, commonest first; nothing of it holds until it is confirmed."""

    capability = Capability.DATASET_WRITE

    def get(self, request: HttpRequest, draft_id: UUID) -> HttpResponse:
        draft = get_draft(actor=self.actor, draft_id=draft_id)
        kind = request.GET.get("kind", "")
        kind = kind if kind in MappingProposal.Kind.values else MappingProposal.Kind.FINDING
        is_open = "open" in request.GET
        rows = draft.proposals.filter(kind=kind, **({"is_confirmed": False} if is_open else {}))
        start = request.GET.get("from", "0")
        first = int(start) if start.isascii() and start.isdecimal() and len(start) < 7 else 0
        found = list(rows.order_by("-n_records", "code")[first : first + PAGE + 1])
        context = {
            "draft": draft,
            "kind": kind,
            "rows": found[:PAGE],
            "is_open": is_open,
            "previous": max(first - PAGE, 0) if first else None,
            "next": first + PAGE if len(found) > PAGE else None,
            "counts": _counts(draft),
        }
        return render(request, "datasets/codes.html", context)


class Code(CapabilityRequired, View):
    """One code: confirming what is proposed, choosing another meaning, or saying that there is none."""

    capability = Capability.DATASET_WRITE

    def get(self, request: HttpRequest, draft_id: UUID, code_id: int) -> HttpResponse:
        draft = get_draft(actor=self.actor, draft_id=draft_id)
        row = _code(draft, code_id)
        form = MeaningForm(initial={"target": row.target_id, "relation": row.relation})
        return render(request, "datasets/code.html", {"draft": draft, "row": row, "form": form})

    def post(self, request: HttpRequest, draft_id: UUID, code_id: int) -> HttpResponse:
        draft = get_draft(actor=self.actor, draft_id=draft_id)
        row = _code(draft, code_id)
        form = MeaningForm(request.POST)
        if form.is_valid():
            target = "" if "none" in request.POST else form.cleaned_data["target"]
            try:
                row = decide_code(
                    actor=self.actor,
                    draft_id=draft_id,
                    code_id=code_id,
                    target_id=target,
                    relation=form.cleaned_data["relation"],
                )
            except InvalidInput as problem:
                add_errors(form, problem.errors)
            else:
                if request.htmx:  # type: ignore[attr-defined]
                    return render(request, "datasets/code_row.html", {"draft": draft, "row": row})
                return redirect(f"{draft_codes(draft)}?kind={row.kind}")
        return render(request, "datasets/code.html", {"draft": draft, "row": row, "form": form}, status=422)


def draft_codes(draft: MappingDraft) -> str:
    """The address of a draft's codes."""
    return reverse("datasets:codes", args=[draft.pk])


def _code(draft: MappingDraft, code_id: int) -> MappingProposal:
    row = draft.proposals.filter(pk=code_id).first()
    if row is None:
        raise Denied("mapping.read", "mapping", (draft.pk,))
    return row


class ConfirmExact(CapabilityRequired, View):
    """Confirms, as one act, all codes that are names of what is proposed."""

    capability = Capability.DATASET_WRITE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, draft_id: UUID) -> HttpResponse:
        n = confirm_exact(actor=self.actor, draft_id=draft_id)
        messages.success(request, _("%(n)s codes were confirmed.") % {"n": n})
        return redirect("datasets:draft", draft_id)


class Save(CapabilityRequired, View):
    """Gives shape and mapping sets to the source."""

    capability = Capability.DATASET_WRITE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, draft_id: UUID) -> HttpResponse:
        source = save_mapping(actor=self.actor, draft_id=draft_id)
        messages.success(request, _("The source reads by this shape and mapping from now on."))
        return redirect("datasets:source", source.pk)


class Download(CapabilityRequired, View):
    """The shape or one of the mapping sets as a file."""

    capability = Capability.DATASET_WRITE

    def get(self, request: HttpRequest, draft_id: UUID, part: str) -> HttpResponse:
        text = texts_of(get_draft(actor=self.actor, draft_id=draft_id))[part]
        name = "shape.yaml" if part == "shape" else f"{part}.sssom.tsv"
        return named(HttpResponse(text, content_type="text/plain; charset=utf-8"), name)
