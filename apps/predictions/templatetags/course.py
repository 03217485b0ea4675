"""How a disease is inherited, when it begins and what it is like, in the reader's language."""

from django import template
from django.utils.translation import gettext as _

from apps.cases.templatetags.patients import age_words
from ml.serving import Statement
from ml.serving.groups import GENE

register = template.Library()


def _words() -> dict[str, str]:
    """Words of HPO and of Orphanet; rare ones are missing and stay English."""
    return {
        "Autosomal dominant inheritance": _("autosomal dominant"),
        "Autosomal recessive inheritance": _("autosomal recessive"),
        "X-linked inheritance": _("X-linked"),
        "X-linked recessive inheritance": _("X-linked recessive"),
        "X-linked dominant inheritance": _("X-linked dominant"),
        "Y-linked inheritance": _("Y-linked"),
        "Mitochondrial inheritance": _("mitochondrial"),
        "Sporadic": _("sporadic"),
        "Polygenic inheritance": _("polygenic"),
        "Digenic inheritance": _("digenic"),
        "Oligogenic inheritance": _("oligogenic"),
        "Multigenic/multifactorial": _("multifactorial"),
        "Non-Mendelian inheritance": _("not Mendelian"),
        "Typically de novo": _("usually new in the patient"),
        "Typified by incomplete penetrance": _("incomplete penetrance"),
        "Typified by somatic mosaicism": _("somatic mosaicism"),
        "Antenatal onset": _("before birth"),
        "Antenatal": _("before birth"),
        "Fetal onset": _("before birth"),
        "Congenital onset": _("at birth"),
        "Neonatal onset": _("first four weeks"),
        "Neonatal": _("first four weeks"),
        "Infantile onset": _("first year"),
        "Infancy": _("first two years"),
        "Childhood onset": _("1 to 5 years"),
        "Childhood": _("2 to 11 years"),
        "Juvenile onset": _("5 to 15 years"),
        "Adolescent": _("12 to 18 years"),
        "Young adult onset": _("16 to 40 years"),
        "Middle age onset": _("40 to 60 years"),
        "Late onset": _("after 60 years"),
        "Adult onset": _("adult age"),
        "Adult": _("adult age"),
        "Elderly": _("old age"),
        "All ages": _("all ages"),
    }


@register.filter
def statement_words(statement: Statement) -> str:
    """A mode of inheritance or an age; a span such as "P6M/P5Y" becomes "6 months to 5 years"."""
    text = statement.text
    if not statement.term and ("/P" in text or (text.startswith("P") and "/" in text)):
        start, _slash, end = text.partition("/")
        if start and end:
            return _("%(start)s to %(end)s") % {"start": age_words(start), "end": age_words(end)}
        if start:
            return _("from %(start)s") % {"start": age_words(start)}
        return _("up to %(end)s") % {"end": age_words(end)}
    return _words().get(text, text)


@register.filter
def bond_words(bond: str) -> str:
    """What a disease shares with another one: a gene, or being a type of the same disease."""
    if bond.startswith(GENE):
        return _("gene %(name)s") % {"name": bond.removeprefix(GENE)}
    return _("another type of %(name)s") % {"name": bond} if bond else _("alike in its findings")
