"""Findings by the label that the reader knows."""

from django import template

from apps.knowledge.translations import label_for_reader

register = template.Library()


@register.filter
def named(term_id: str, label: str) -> str:
    """`{{ finding.term_id|named:finding.term.label }}`: in the language of the page where there is a translation."""
    return label_for_reader(term_id=term_id, label=label)
