"""The prior of an organisation, and its own mix of cases."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.core.capabilities import Capability
from apps.core.problems import FieldError, InvalidInput
from apps.knowledge.selectors import names_of
from apps.predictions import priors

SHOWN = 20


class Priors(CapabilityRequired, View):
    """Shows the prior and the case mix, and takes new ones: `act` is default, counts or outcomes."""

    capability = Capability.PRIOR_WRITE

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        act = request.POST.get("act", "")
        text = ""
        try:
            if act == "default":
                priors.set_default_prior(actor=self.actor, name=request.POST.get("prior", ""))
                messages.success(request, _("The prior was saved; the next lists use it."))
            elif act == "outcomes":
                mix, left_out = priors.use_outcomes_as_case_mix(actor=self.actor)
                messages.success(request, _counted(sum(mix.counts.values()), left_out))
            else:
                text = _given(request)
                mix = priors.enter_case_mix_text(actor=self.actor, text=text)
                messages.success(request, _counted(sum(mix.counts.values()), 0))
        except InvalidInput as problem:
            return self._page(request, act=act, errors=problem.errors, text=text, status=422)
        return redirect("predictions:priors")

    def _page(self, request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
        mix = priors.current_case_mix(actor=self.actor)
        counts = sorted(mix.counts.items(), key=lambda row: (-row[1], row[0])) if mix else []
        known = names_of(disease_ids=[disease_id for disease_id, _n in counts[:SHOWN]])
        total = sum(n for _id, n in counts)
        context = {
            "available": priors.available_priors(actor=self.actor),
            "default": priors.default_prior(actor=self.actor),
            "mix": mix,
            "total": total,
            "n_diseases": len(counts),
            "n_hidden": max(0, len(counts) - SHOWN),
            "rows": [
                {
                    "id": disease_id,
                    "name": known[disease_id].name if disease_id in known else disease_id,
                    "n": n,
                    "share": n / total if total else 0.0,
                }
                for disease_id, n in counts[:SHOWN]
            ],
        }
        return render(request, "priors/page.html", context | more, status=status)


def _given(request: HttpRequest) -> str:
    """What was pasted, or the file that was chosen. Raises InvalidInput for a file that is no text."""
    upload = request.FILES.get("file")
    if upload is None:
        return request.POST.get("counts", "")
    try:
        text: str = upload.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = _("The file is no UTF-8 text; save it as tab-separated text (TSV).")
        raise InvalidInput([FieldError("file", "encoding", detail)]) from error
    if "\0" in text:
        raise InvalidInput(
            [FieldError("file", "binary", _("The file holds binary data; a TSV was expected."))]
        )
    return text


def _counted(n: int, left_out: int) -> str:
    text = ngettext("%(n)d patient was counted.", "%(n)d patients were counted.", n) % {"n": n}
    if left_out:
        text += " " + ngettext(
            "%(n)d has a disease that the model does not rank and was left out.",
            "%(n)d have a disease that the model does not rank and were left out.",
            left_out,
        ) % {"n": left_out}
    return text
