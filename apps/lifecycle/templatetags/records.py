"""Records of a manifest as readable lists: their keys and texts are the training's own, in English."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.lifecycle.figures import label_of
from apps.registry.gates import FAILED, INSUFFICIENT, PASSED

register = template.Library()

_VERDICTS = {
    PASSED: gettext_lazy("passed"),
    FAILED: gettext_lazy("failed"),
    INSUFFICIENT: gettext_lazy("too little evidence"),
}
_OUTCOMES = {
    PASSED: gettext_lazy("waits for approval"),
    INSUFFICIENT: gettext_lazy("waits for approval, with too little evidence for some gates"),
    FAILED: gettext_lazy("goes back: a gate failed"),
}
_STAGES = {
    "collect": gettext_lazy("collecting confirmed cases"),
    "hold_out": gettext_lazy("holding cases out"),
    "compare": gettext_lazy("trying the algorithms"),
    "train": gettext_lazy("training the engine"),
    "register": gettext_lazy("registering the candidate"),
    "judge": gettext_lazy("judging by the gates"),
    "track": gettext_lazy("noting it in MLflow"),
}


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


@register.filter
def name_in(user_id: UUID | None, people: Mapping[UUID, User]) -> str:
    """Who did something, as far as `people` knows him: models belong to all organisations, names to one."""
    if user_id is None:
        return _("the system")
    user = people.get(user_id)
    return _("somebody of another organisation") if user is None else user.get_full_name() or user.username


@register.filter
def verdict_words(verdict: str) -> str:
    """What a gate said."""
    return str(_VERDICTS.get(verdict, verdict))


@register.filter
def outcome_words(verdict: str) -> str:
    """What becomes of a model of which the gates say so in all."""
    return str(_OUTCOMES.get(verdict, verdict))


@register.filter
def stage_words(stage: str) -> str:
    """A stage of an experiment."""
    return str(_STAGES.get(stage, stage))


@register.filter
def candidate_words(name: str) -> str:
    """An algorithm."""
    return label_of(name)


@register.filter
def megabytes(value: int | None) -> str:
    """Bytes in MB."""
    return "–" if not value else f"{value / 1e6:.0f}"
