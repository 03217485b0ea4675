"""Age and sex in words."""

import re

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.cases.models import Sex

register = template.Library()
_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T.*)?")


@register.filter
def age_words(age: str | None) -> str:
    """`P3Y6M` as "3 years 6 months"; what is no ISO 8601 duration stays as it is."""
    if not age:
        return _("age unknown")
    match = _DURATION.fullmatch(age)
    if match is None:
        return age
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    words = [
        text
        for number, text in (
            (years, ngettext("%(n)d year", "%(n)d years", years) % {"n": years}),
            (months, ngettext("%(n)d month", "%(n)d months", months) % {"n": months}),
            (weeks, ngettext("%(n)d week", "%(n)d weeks", weeks) % {"n": weeks}),
            (days, ngettext("%(n)d day", "%(n)d days", days) % {"n": days}),
        )
        if number
    ]
    return " ".join(words) or _("newborn")


@register.filter
def sex_words(sex: str | None) -> str:
    """The word for a stored sex."""
    return str(Sex(sex).label) if sex in Sex.values else _("unknown")
