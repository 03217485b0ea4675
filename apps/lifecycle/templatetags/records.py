"""Records of a manifest as readable lists: their keys and texts are the training's own, in English."""

from collections.abc import Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def record_items(record: Any) -> list[tuple[str, Any]]:
    """The fields of a record; a list of records as numbered ones."""
    if isinstance(record, Mapping):
        return list(record.items())
    if isinstance(record, list):
        return [(str(number), item) for number, item in enumerate(record, start=1)]
    return []


@register.filter
def is_record(value: Any) -> bool:
    """Whether a value holds fields of its own."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
    )


@register.filter
def record_label(key: str) -> str:
    """A key in words."""
    return str(key).replace("_", " ")


@register.filter
def record_value(value: Any) -> str:
    """Four digits of a figure; a list on one line."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(record_value(item) for item in value)
    return str(value)
