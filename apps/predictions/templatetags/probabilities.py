"""Numbers of a differential diagnosis, with no more digits than they carry."""

from django import template
from django.utils.translation import gettext as _

register = template.Library()
_SPACE = "\u00a0"


@register.filter
def percentage(probability: float) -> str:
    """A rounded percentage: "31 %", "under 1 %", "over 99 %"."""
    if probability < 0.01:
        return _("under 1 %").replace(" %", f"{_SPACE}%")
    if probability > 0.99:
        return _("over 99 %").replace(" %", f"{_SPACE}%")
    return f"{probability * 100:.0f}{_SPACE}%"


@register.filter
def prior_words(name: str) -> str:
    """A prior's name in the reader's language."""
    return {
        "literature": _("literature"),
        "prevalence": _("prevalence"),
        "uniform": _("all alike"),
        "clinic": _("our own cases"),
    }.get(name, name)


@register.filter
def prior_meaning(name: str) -> str:
    """What a prior takes for likely."""
    return {
        "literature": _("Diseases with many publications come first."),
        "prevalence": _("Common diseases come before rare ones, by published prevalence."),
        "uniform": _("Every disease counts the same; findings alone decide."),
        "clinic": _("Diseases that this organisation sees often come first; the rest by prevalence."),
    }.get(name, "")


@register.filter
def prior_field(field: str) -> str:
    """Where in the counts a problem is."""
    kind, _space, number = field.partition(" ")
    if kind == "line":
        return _("Line %(n)s") % {"n": number}
    return {"prior": _("Prior"), "file": _("File")}.get(field, _("Counts"))
