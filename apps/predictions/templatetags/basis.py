"""What a disease's weight before any finding rests on, in the reader's language."""

import re

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.predictions.services import Explained

register = template.Library()
_NUMBER = re.compile(r"\d+")
_SOURCE = re.compile(r"(ORPHA:\d+|PMID:\d+|DOI:\S+|https?://\S+)|(\d+)\[PMID\]")


def _kind(kind: str) -> str:
    """A measure of how common a disease is."""
    return {
        "point": _("point prevalence"),
        "point prevalence": _("point prevalence"),
        "prevalence at birth": _("prevalence at birth"),
        "annual incidence": _("annual incidence"),
        "12-month": _("12-month prevalence"),
        "lifetime": _("lifetime prevalence"),
        "lifetime prevalence": _("lifetime prevalence"),
    }.get(kind, kind)


@register.simple_tag
def basis_words(explained: Explained) -> str:
    """One sentence on what the prior takes for this disease."""
    basis = explained.basis
    parts = []
    if explained.n_own is not None:
        parts.append(
            ngettext("%(n)d patient of our own had it.", "%(n)d patients of our own had it.", explained.n_own)
            % {"n": explained.n_own}
        )
    if explained.prior == "literature":
        number = _NUMBER.match(basis.value)
        n = int(number[0]) if number else 0
        parts.append(
            ngettext(
                "%(n)d publication describes its findings.", "%(n)d publications describe its findings.", n
            )
            % {"n": n}
        )
    elif explained.prior == "uniform":
        parts.append(_("The same weight as every other disease."))
    elif basis.assumed:
        parts.append(
            _(
                "No figure of its frequency was found; %(figure)s new patients a year in 100,000 people are assumed."
            )
            % {"figure": _figure(basis.per_100000)}
        )
    else:
        parts.append(
            _("%(kind)s as published: %(value)s; taken as %(figure)s new patients a year in 100,000 people.")
            % {
                "kind": _kind(basis.kind).capitalize(),
                "value": basis.value,
                "figure": _figure(basis.per_100000),
            }
        )
    return " ".join(parts)


@register.filter
def source_ids(text: str) -> list[str]:
    """The references that a source names: "ORPHA:558, Europe: 19159394[PMID]" has two."""
    return [found[1] or f"PMID:{found[2]}" for found in _SOURCE.finditer(text)]


def _figure(per_100000: float | None) -> str:
    """Two digits that count."""
    return number_format(f"{per_100000 or 0.0:.2g}" if (per_100000 or 0) < 100 else round(per_100000 or 0))
