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
