"""Checks of the running model in the reader's words, and their figures as small pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

register = template.Library()

_FAMILIES = {
    "drift": gettext_lazy("Do the same patients come?"),
    "quality": gettext_lazy("Are the data as good?"),
    "outcomes": gettext_lazy("Do the lists still hold the diagnosis?"),
    "skew": gettext_lazy("Does it compute what it was trained to?"),
    "service": gettext_lazy("Does it answer, and fast enough?"),
    "staleness": gettext_lazy("How old are model and knowledge?"),
}
_NAMES = {
    "drift: findings": gettext_lazy("Findings"),
    "drift: ages": gettext_lazy("Ages"),
    "drift: sex": gettext_lazy("Sex"),
    "drift: number of findings": gettext_lazy("Number of findings"),
    "drift: probability of the first disease": gettext_lazy("Probability of the first disease"),
    "drift: probability of none of these": gettext_lazy("Probability of none of these"),
    "quality: with an unknown id": gettext_lazy("With an unknown id"),
    "quality: with a replaced id": gettext_lazy("With an obsolete id"),
    "quality: with an uncertain finding": gettext_lazy("With an uncertain finding"),
    "quality: without an age": gettext_lazy("Without an age"),
    "quality: without a sex": gettext_lazy("Without a sex"),
    "outcomes: calibration": gettext_lazy("Stated probability against what was right"),
    "skew: input": gettext_lazy("Input"),
    "skew: list": gettext_lazy("List"),
    "service: latency": gettext_lazy("Time of an answer"),
    "service: errors": gettext_lazy("Failed calls"),
    "staleness: training": gettext_lazy("Since the training"),
    "staleness: knowledge": gettext_lazy("Since the release of the knowledge"),
}
_GROUPS = {
    "everybody": gettext_lazy("everybody"),
    "sex female": gettext_lazy("female patients"),
    "sex male": gettext_lazy("male patients"),
    "age <1": gettext_lazy("younger than 1 year"),
    "age 1-17": gettext_lazy("1 to 17 years"),
    "age 18-64": gettext_lazy("18 to 64 years"),
    "age 65+": gettext_lazy("65 years and older"),
}
_VERDICTS = {
    "ok": gettext_lazy("ok"),
    "alarm": gettext_lazy("alarm"),
    "insufficient_evidence": gettext_lazy("too little evidence"),
}
_WIDTH, _HEIGHT, _MARGIN = 120, 28, 3


@register.filter
def family_label(family: str) -> str:
    """The question that a family of checks answers."""
    return str(_FAMILIES.get(family, family))


@register.filter
def check_verdict(verdict: str) -> str:
    """What a check said."""
    return str(_VERDICTS.get(verdict, verdict))


@register.simple_tag(takes_context=True)
def check_label(context: Any, name: str) -> str:
    """The name of a check."""
    if name in _NAMES:
        return str(_NAMES[name])
    family, _colon, rest = name.partition(": ")
    top, of, group = rest.partition(" of ")
    if family == "outcomes" and of:
        return _("%(top)s, %(group)s") % {"top": top, "group": group_label(context, group)}
    return rest or name


@register.simple_tag(takes_context=True)
def group_label(context: Any, group: str) -> str:
    """A group of patients; organisations by name only where it is the reader's own."""
    if group in _GROUPS:
        return str(_GROUPS[group])
    kind, _space, identity = group.partition(" ")
    if kind != "organisation":
        return group
    organisation = getattr(context["request"].user, "organisation", None)
    if organisation is not None and str(organisation.pk) == identity:
        return str(organisation.name)
    # The end of a time-ordered id tells two of them apart, the beginning does not.
    return _("another organisation (%(id)s)") % {"id": identity[-6:]}


@register.filter
def check_figure(figure: float | None, name: str) -> str:
    """A figure or a threshold with the unit of its check."""
    if figure is None:
        return "–"
    if name.startswith("staleness"):
        return _("%(n)s days") % {"n": formats.number_format(figure, 0)}
    if name == "service: latency":
        return _("%(n)s ms") % {"n": formats.number_format(figure, 0)}
    if name.startswith("skew: list"):
        return f"{figure:.0e}" if figure else "0"
    return share(figure)


@register.filter
def share(value: float | None) -> str:
    """A share in percent."""
    return "–" if value is None else f"{formats.number_format(value * 100, 1)}\N{NO-BREAK SPACE}%"


@register.simple_tag
def sparkline(check: Mapping[str, Any]) -> SafeString | str:
    """The figures of the last reports as a line beside their threshold, and the same in words for screen readers."""
    figures, threshold = check["trend"], float(check["threshold"])
    if len(figures) < 2:
        return "–"
    said = "; ".join(check_figure(figure, check["name"]) for figure in figures)
    label = _("Last reports, oldest first: %(figures)s. Threshold: %(threshold)s") % {
        "figures": said,
        "threshold": check_figure(threshold, check["name"]),
    }
    most = max(*figures, threshold) or 1.0
    least = min(*figures, 0.0)
    return format_html(
        '<svg class="sparkline" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        '<line class="sparkline-threshold" x1="0" x2="{w}" y1="{y}" y2="{y}"></line>'
        '<polyline class="sparkline-figures" points="{points}"></polyline></svg>',
        w=_WIDTH,
        h=_HEIGHT,
        label=label,
        y=_height(threshold, least, most),
        points=_points(figures, least, most),
    )


def _points(figures: Sequence[float], least: float, most: float) -> str:
    step = (_WIDTH - 2 * _MARGIN) / (len(figures) - 1)
    return " ".join(
        f"{_MARGIN + step * number:.1f},{_height(figure, least, most)}"
        for number, figure in enumerate(figures)
    )


def _height(figure: float, least: float, most: float) -> str:
    inner = _HEIGHT - 2 * _MARGIN
    return f"{_HEIGHT - _MARGIN - inner * (figure - least) / ((most - least) or 1.0):.1f}"
