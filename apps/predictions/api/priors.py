"""REST: the prior of the organisation's predictions, and its own mix of cases."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.capabilities import Capability
from apps.core.rest import FlagField, Input, Operation, TextField
from apps.predictions import priors
from apps.predictions.models import CaseMix

MOST_DISEASES = 20_000


class CaseMixAnswer(serializers.ModelSerializer):
    """How many patients the organisation diagnosed with each disease."""

    counts = serializers.DictField(child=serializers.IntegerField(), help_text=_("number by disease id"))
    source = serializers.ChoiceField(  # type: ignore[assignment]
        CaseMix.Source.values, help_text=_("entered, or counted from outcomes")
    )

    class Meta:
        model = CaseMix
        fields: tuple[str, ...] = ("id", "created_at", "source", "counts")


class PriorsAnswer(serializers.Serializer):
    """Which priors may be asked for, and which is used when none is."""

    default = serializers.CharField(help_text=_("used when a prediction asks for none"))
    available = serializers.ListField(child=serializers.CharField())
    case_mix = CaseMixAnswer(
        allow_null=True, help_text=_("what the prior `clinic` is made of; null before it was given")
    )


class DefaultPriorInput(Input):
    """The prior of predictions that ask for none."""

    prior = TextField(max_length=40, help_text=_("one of `available`"))


class CountField(serializers.IntegerField):
    """A number of patients, and not a text or a truth value that resembles one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class CaseMixInput(Input):
    """Either counts, or true to count the confirmed outcomes of the organisation."""

    counts = serializers.DictField(
        child=CountField(min_value=0, max_value=10_000_000),
        required=False,
        help_text=_("number of patients by disease id; any id that the model knows"),
    )
    from_outcomes = FlagField(required=False, help_text=_("count the newest outcome of each case"))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("counts" in attrs) == bool(attrs.get("from_outcomes")):
            raise serializers.ValidationError(
                _("Give either `counts` or `from_outcomes`: true, and not both."), "either_or"
            )
        if len(attrs.get("counts", ())) > MOST_DISEASES:
            raise serializers.ValidationError(
                {"counts": _("At most %(n)d diseases were expected.") % {"n": MOST_DISEASES}}, "too_many"
            )
        return attrs


class Priors(Operation):
    """The prior of your organisation."""

    capability = {"GET": Capability.MODEL_READ, "PUT": Capability.PRIOR_WRITE}

    @extend_schema(
        operation_id="priors_read", tags=["priors"], responses=PriorsAnswer, summary="Read the priors"
    )
    def get(self, request: Request) -> Response:
        """The priors that a prediction may ask for, the default, and your organisation's case mix."""
        return Response(self._answer())

    @extend_schema(
        operation_id="priors_choose",
        tags=["priors"],
        request=DefaultPriorInput,
        responses=PriorsAnswer,
        examples=[OpenApiExample("Prevalence", value={"prior": "prevalence"}, request_only=True)],
        summary="Choose the default prior",
    )
    def put(self, request: Request) -> Response:
        """Choose the prior of your organisation's predictions; those already made stay as they are."""
        priors.set_default_prior(actor=self.actor, name=self.body(DefaultPriorInput)["prior"])
        return Response(self._answer())

    def _answer(self) -> dict[str, Any]:
        mix = priors.current_case_mix(actor=self.actor)
        return {
            "default": priors.default_prior(actor=self.actor),
            "available": list(priors.available_priors(actor=self.actor)),
            "case_mix": CaseMixAnswer(mix).data if mix else None,
        }


class CaseMixRead(Operation):
    """The mix of diagnoses of your organisation."""

    capability = Capability.PRIOR_WRITE

    @extend_schema(
        operation_id="priors_case_mix",
        tags=["priors"],
        request=CaseMixInput,
        responses=CaseMixAnswer,
        examples=[
            OpenApiExample(
                "Counts", value={"counts": {"OMIM:154700": 12, "OMIM:219700": 40}}, request_only=True
            ),
            OpenApiExample("Outcomes", value={"from_outcomes": True}, request_only=True),
        ],
        summary="Give the case mix",
    )
    def put(self, request: Request) -> Response:
        """Say how many patients your organisation diagnosed with each disease; the prior `clinic` then uses it."""
        given = self.body(CaseMixInput)
        if given.get("from_outcomes"):
            mix, _left_out = priors.use_outcomes_as_case_mix(actor=self.actor)
        else:
            mix = priors.enter_case_mix(actor=self.actor, counts=given["counts"])
        return Response(CaseMixAnswer(mix).data)
