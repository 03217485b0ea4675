"""How findings, age and sex come in."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.cases.models import Sex
from apps.core.rest import Input, TextField
from ml.serving.query import MOST_FINDINGS

_TERM_IDS = {
    "type": "array",
    "items": {"type": "string", "pattern": "^HP:[0-9]{7}$"},
    "maxItems": MOST_FINDINGS,
}


@extend_schema_field(_TERM_IDS)
class TermIdsField(serializers.ListField):
    """HPO ids. What they mean, and whether they exist, is for the engine's vocabulary to say."""

    child = TextField(allow_blank=True)


class FindingsInput(Input):
    """Findings that the patient has, that were looked for and are not there, or that nobody can tell."""

    present = TermIdsField(required=False, help_text=_("HPO ids, such as HP:0001166"))
    absent = TermIdsField(
        required=False, help_text=_("HPO ids of findings that were looked for and are absent")
    )

    uncertain = TermIdsField(
        required=False,
        help_text=_("HPO ids of findings that came up and are neither; most models make nothing of them"),
    )

    def to_internal_value(self, data: Any) -> Any:
        # Counted before each is looked at, so that the answer to a hundred thousand findings is one sentence.
        lists = [data.get(state) for state in self.fields] if isinstance(data, dict) else []
        count = sum(len(found) for found in lists if isinstance(found, list))
        if count > MOST_FINDINGS:
            detail = _("%(count)d findings; at most %(most)d were expected")
            raise serializers.ValidationError(
                detail % {"count": count, "most": MOST_FINDINGS}, "too_many_findings"
            )
        return super().to_internal_value(data)


@extend_schema_field({"type": ["string", "null"], "enum": [*Sex.values, None]})
class SexField(TextField):
    """Administrative sex as in GA4GH Phenopackets; the engine refuses other values."""


@extend_schema_field({"type": ["string", "null"], "maxLength": 20, "examples": ["P20Y", "P6M", "P10D"]})
class AgeField(TextField):
    """Age as an ISO 8601 duration; the engine refuses what is none, or no age of a person."""
