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
