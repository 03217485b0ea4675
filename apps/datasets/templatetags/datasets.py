"""How the pages name what cases hold."""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from django import template
from django.utils.translation import gettext as _

from ml.features.graph import LOCAL_PREFIX

register = template.Library()


@register.filter
def named(ids: Iterable[str], labels: Mapping[str, str]) -> str:
    """Ids as labels; of a source's own codes the code."""
    return ", ".join(labels.get(identity) or _own_code(identity) for identity in ids) or "–"


def _own_code(identity: str) -> str:
    if not identity.startswith(LOCAL_PREFIX):
        return identity
    return unquote(identity.removeprefix(LOCAL_PREFIX).partition("/")[2])


@register.filter
def sex_word(sex: str) -> str:
    """The sex of a case in the reader's language."""
    words = {"female": _("female"), "male": _("male"), "other": _("other")}
    return words.get(sex, "–")


@register.filter
def role_words(role: str) -> str:
    """What a column of a sample is."""
    words = {
        "id": _("the number of the case"),
        "diagnosis": _("the diagnosis"),
        "age": _("the age"),
        "sex": _("the sex"),
        "states": _("findings, each with its state"),
        "codes": _("findings that are present"),
        "column": _("one finding, and its state"),
        "note": _("free text, to be read for findings"),
        "ignore": _("nothing that is read"),
    }
    return words[role]


@register.filter
def value_word(value: str) -> str:
    """A state or a sex."""
    words = {
        "present": _("present"),
        "absent": _("absent"),
        "uncertain": _("uncertain"),
        "female": _("female"),
        "male": _("male"),
        "other": _("other"),
        "unknown": _("unknown"),
    }
    return words.get(value, value)
