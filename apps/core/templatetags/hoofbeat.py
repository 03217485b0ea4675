"""What templates of every app need: moments in time, and problems in the reader's language."""

import re
from datetime import UTC, datetime

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core.problems import FieldError

register = template.Library()
_TERM_ID = re.compile(r"HP:\d{7}")


def _day_format() -> str:
    """Short enough for tables; with the month in letters no one takes it for the day."""
    # Translators: a format of Django's `date` filter: 3 May 2026
    return _("j M Y")


@register.simple_tag
def moment(value: datetime | None) -> SafeString | str:
    """Local date and time; UTC on hover and for programs."""
    if value is None:
        return "–"
    local = timezone.localtime(value)
    universal = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        universal.isoformat(timespec="seconds"),
        universal.strftime("%Y-%m-%d %H:%M:%S"),
        f"{formats.date_format(local, _day_format())}, {formats.time_format(local, 'H:i')}",
    )


@register.filter
def day(value: datetime | None) -> str:
    """A local date."""
    return formats.date_format(timezone.localtime(value), _day_format()) if value else "–"


@register.filter
def explained(error: FieldError) -> str:
    """What is wrong with a field. Errors of the engine come in English with a code, which is translated here."""
    match error.code:
        case "unknown_finding":
            return _("“%(value)s” is not a finding of the terminology.") % {"value": error.value}
        case "not_learned":
            return _("“%(value)s” is a finding that the running model has not learned; take it off.") % {
                "value": error.value
            }
        case "malformed_id":
            return _("“%(value)s” is not an HPO id; one looks like HP:0001166.") % {"value": error.value}
        case "contradictory":
            return _("%(value)s is given as present and as absent; keep one of the two.") % {
                "value": error.value
            }
        case "no_finding":
            return _("Add at least one present finding; absent findings alone cannot be ranked.")
        case "too_many_findings":
            return _("At most 500 findings can be used at once; take some off.")
        case "invalid_age":
            return _("“%(value)s” is not an age that can be used; give one from 0 to 130 years.") % {
                "value": error.value
            }
        case "unknown_sex":
            return _("“%(value)s” is not a sex that can be used: female, male, other or unknown.") % {
                "value": error.value
            }
        case "not_a_phenotype":
            return _(
                "%(value)s is no finding of a patient; choose a term below “Phenotypic abnormality”."
            ) % {"value": error.value}
        case "nothing_ticked":
            return _("Tick at least one finding, or close the note.")
        case "obsolete_without_replacement":
            return _("%(value)s is no longer used and nothing replaces it; choose another finding.") % {
                "value": error.value
            }
    return error.detail


@register.filter
def field_label(field: str) -> str:
    """The name by which people know a field such as `findings.present[3]`."""
    labels = {
        "findings": _("Findings"),
        "age": _("Age"),
        "sex": _("Sex"),
        "pseudonym": _("Pseudonym"),
        "diagnosis": _("Diagnosis"),
        "colleague": _("Colleague"),
        "user": _("Colleague"),
        "before": _("Page"),
        "after": _("Page"),
    }
    return labels.get(re.split(r"[.\[]", field)[0], field)


@register.filter
def notice_text(notice: dict[str, str]) -> str:
    """What the engine changed in the input, in the reader's language."""
    finding, detail = notice.get("finding", ""), notice.get("detail", "")
    successors = [term_id for term_id in _TERM_ID.findall(detail) if term_id != finding]
    match notice.get("code"):
        case "replaced" if successors:
            return _("%(old)s is no longer used; %(new)s took its place.") % {
                "old": finding,
                "new": successors[0],
            }
        case "duplicate":
            return _("%(finding)s was given more than once and counts once.") % {"finding": finding}
        case "inconsistent" if successors:
            return _(
                "%(finding)s was given as absent, but %(other)s is a kind of it and present; only that counts."
            ) % {
                "finding": finding,
                "other": successors[0],
            }
    return detail


@register.filter
def step_words(step: str) -> str:
    """What a long job is doing, in the reader's language; steps without a translation stay as they are."""
    words = {
        "collecting": _("collecting confirmed cases"),
        "reading": _("reading knowledge and cases"),
        "preparing": _("getting ready"),
        "validating": _("validating"),
        "saving": _("saving"),
        "fitting": _("learning"),
        "exporting": _("writing the model"),
        "checking": _("checking the model"),
        "writing": _("saving the model"),
        "registering": _("registering the candidate"),
        "holding": _("holding cases out"),
        "trying": _("trying the algorithms"),
        "judging": _("judging by the gates"),
        "noting": _("noting it in MLflow"),
        "gathering": _("gathering the data"),
        "packing": _("packing the archive"),
        "weighing": _("comparing the predictions"),
        "comparing": _("comparing the blocks with the anchor"),
    }
    return words.get(step.partition(" ")[0], step)
