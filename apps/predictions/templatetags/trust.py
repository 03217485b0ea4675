"""How far a list can be relied on, in the reader's language. The engine says it by code."""

from django import template
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def sufficiency_words(level: str) -> str:
    """One or two words beside the number of findings."""
    return {
        "sufficient": _("sufficient"),
        "few": _("few"),
        "general": _("too general"),
        "outside": _("not explained by the diseases known here"),
        "none": _("nothing to rank by"),
    }.get(level, level)


@register.filter
def sufficiency_sentence(level: str) -> str:
    """What a level means for the reader."""
    return {
        "few": _("The findings are few: in most patients more is needed to find the disease."),
        "general": _("The findings fit very many diseases: more specific ones are needed."),
        "outside": _(
            "No disease known here explains the findings well: the disease may not be described yet, or there may be "
            "more than one."
        ),
        "none": _("No finding that tells anything is present: the order below means nothing."),
    }.get(level, "")


@register.simple_tag
def kind_words(term_id: str, label: str) -> str:
    """A main heading of the HPO; `label` where the release has one that is not known here."""
    return {
        "HP:0000119": _("kidneys, urinary tract and genitals"),
        "HP:0000152": _("head and neck"),
        "HP:0000478": _("eyes"),
        "HP:0000598": _("ears and hearing"),
        "HP:0000707": _("nervous system"),
        "HP:0000769": _("breasts"),
        "HP:0000818": _("endocrine system"),
        "HP:0001197": _("before and at birth"),
        "HP:0001507": _("growth"),
        "HP:0001574": _("skin, hair and nails"),
        "HP:0001608": _("voice"),
        "HP:0001626": _("heart and vessels"),
        "HP:0001871": _("blood and blood-forming tissues"),
        "HP:0001939": _("metabolism and laboratory values"),
        "HP:0002086": _("respiratory system"),
        "HP:0002664": _("tumours"),
        "HP:0002715": _("immune system"),
        "HP:0025031": _("digestive system"),
        "HP:0025142": _("constitutional symptoms"),
        "HP:0025354": _("cells"),
        "HP:0033127": _("muscles and skeleton"),
        "HP:0040064": _("limbs"),
        "HP:0045027": _("chest cavity"),
    }.get(term_id, label)
