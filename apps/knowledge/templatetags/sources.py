"""Where a statement comes from, how often it holds, and how common a disease is, in words."""

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.knowledge.references import source_address
from ml.features.evidence import FROM_NAME
from ml.serving.explanation import FROM_SIBLINGS

register = template.Library()


@register.simple_tag
def source_links(references: Sequence[str], most: int | None = None) -> SafeString | str:
    """`references` as links, parted by commas; of more than `most` the others are only counted."""
    shown = references if most is None else references[:most]
    links = format_html_join(", ", "{}", ((_link(reference),) for reference in shown))
    hidden = len(references) - len(shown)
    if not hidden:
        return links
    return format_html("{} {}", links, ngettext("and %(n)d more", "and %(n)d more", hidden) % {"n": hidden})


def _link(reference: str) -> SafeString | str:
    address = source_address(reference)
    if not address:
        return _source_name(reference)
    return format_html(
        '<a class="source" href="{}" target="_blank" rel="noopener noreferrer">{}'
        '<span class="visually-hidden"> {}</span></a>',
        address,
        _source_name(reference),
        _("(opens in a new tab)"),
    )


def _source_name(reference: str) -> str:
    """How people cite `reference`."""
    prefix, _colon, local = reference.partition(":")
    if prefix in {"gene", "series"} and local.startswith(" "):
        # What a borrowed finding comes from (`ml.features.evidence`).
        words = {"gene": _("gene %(name)s"), "series": _("series %(name)s")}
        return words[prefix] % {"name": local.strip()}
    names = {
        "PMID": "PubMed",
        "ORPHA": "Orphanet",
        "OMIM": "OMIM",
        "MONDO": "MONDO",
        "ICD10CM": _("ICD-10-CM"),
    }
    return f"{names[prefix]} {local}" if prefix in names else reference


@register.filter
def rarity_words(rarity: str | None) -> str:
    """`rare` or `common` in the reader's language; empty where not known."""
    return {"rare": _("rare"), "common": _("common")}.get(rarity or "", "")


@register.filter
def frequency_words(frequency: str | None) -> str:
    """A published frequency: "8 of 10", "frequent (30-79 %)"; percentages as they are."""
    if not frequency:
        return _("no frequency published")
    return "; ".join(_one_frequency(part.strip()) for part in frequency.split(";"))


def _one_frequency(text: str) -> str:
    if text == FROM_SIBLINGS:
        return _("mean of related diseases")
    if text == FROM_NAME:
        return _("from its name")
    cases, slash, examined = text.partition("/")
    if slash and cases.isdigit() and examined.isdigit():
        return _("%(n)s of %(m)s") % {"n": cases, "m": examined}
    return _classes().get(text.partition(" (")[0], text)


def _classes() -> dict[str, str]:
    """HPO's classes of frequency, by id and by English name."""
    words = {
        ("HP:0040280", "Obligate"): _("always (100 %)"),
        ("HP:0040281", "Very frequent"): _("very frequent (80–99 %)"),
        ("HP:0040282", "Frequent"): _("frequent (30–79 %)"),
        ("HP:0040283", "Occasional"): _("occasional (5–29 %)"),
        ("HP:0040284", "Very rare"): _("very rare (1–4 %)"),
        ("HP:0040285", "Excluded"): _("never (0 %)"),
    }
    return {name: text for names, text in words.items() for name in names}
