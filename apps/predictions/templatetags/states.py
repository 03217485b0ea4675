"""How a finding stands, as a sign and as a word, never by colour alone."""

from django import template
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def state_words(state: str) -> str:
    """A state of a finding in the reader's language."""
    return {
        "present": _("present"),
        "absent": _("absent"),
        "uncertain": _("uncertain"),
        "family": _("of a relative"),
    }[state]


@register.filter
def state_sign(state: str) -> str:
    """One character for a state."""
    return {"present": "+", "absent": "−", "uncertain": "?", "family": "◇"}[state]


@register.filter
def agreement(score: float) -> str:
    """How close a wording is to a name, as a percentage."""
    return f"{score * 100:.0f}\u00a0%"
