"""REST: predictions."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.actors import Actor
from apps.core.capabilities import Capability
from apps.core.rest import IdField, Input, Operation, PageQuery, TextField, page_answer, page_of
from apps.predictions import services
from apps.predictions.api.answers import (
    ExplanationAnswer,
    PredictionAnswer,
    PredictionSummary,
    explanation_answer,
    prediction_answer,
    prediction_summaries,
)
from apps.predictions.api.findings import AgeField, FindingsInput, SexField
from apps.predictions.models import Prediction
from apps.predictions.selectors import get_prediction, list_predictions

_BY_FINDINGS = {
    "findings": {
        "present": ["HP:0001166", "HP:0001083", "HP:0002616", "HP:0001519"],
        "absent": ["HP:0000193"],
    },
    "sex": "female",
    "age": "P20Y",
}
_BY_CASE = {"case": "0198f3b2-7c1e-7d3a-9c54-2f1f0c6f6a11"}


class PredictionInput(Input):
    """Either findings with age and sex, or a case that has them."""

    findings = FindingsInput(required=False)
    sex = SexField(required=False, allow_null=True)
    age = AgeField(required=False, allow_null=True)
    case = IdField(required=False, help_text=_("a case of yours, instead of findings"))
    prior = TextField(
        required=False,
        allow_null=True,
        max_length=40,
        help_text=_(
            "literature, prevalence, uniform or clinic; without it, the default of your organisation"
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("case" in attrs) == ("findings" in attrs):
            raise serializers.ValidationError(
                _("Give either `findings` (with `sex` and `age`) or `case`, and not both."), "either_or"
            )
        if "case" in attrs and attrs.keys() & {"sex", "age"}:
            raise serializers.ValidationError(
                _("A case has its own `sex` and `age`; leave them out."), "either_or"
            )
        return attrs


class PredictionQuery(PageQuery):
    """Query of the history."""

    case = IdField(required=False, help_text=_("predictions of this case"))
    model = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text=_("predictions by this model version")
    )
    created_after = serializers.DateTimeField(required=False, help_text=_("ISO 8601, this moment included"))
    created_before = serializers.DateTimeField(required=False, help_text=_("ISO 8601, this moment left out"))


_FILTERS = {
    "case": "case_id",
    "model": "model__number",
    "created_after": "created_at__gte",
    "created_before": "created_at__lt",
}


class Predictions(Operation):
    """The history, and new predictions."""

    capability = {"GET": Capability.PREDICTION_READ, "POST": Capability.PREDICTION_CREATE}
    problems = {"POST": (403,)}

    @extend_schema(
        operation_id="predictions_list",
        tags=["predictions"],
        parameters=[PredictionQuery],
        responses=PredictionSummary(many=True),
        summary="List predictions",
    )
    def get(self, request: Request) -> Response:
        """Predictions of cases in your care and those that you asked for without a case, newest first."""
        query = self.query(PredictionQuery)
        narrowed = {_FILTERS[name]: value for name, value in query.items() if name in _FILTERS}
        with transaction.atomic():
            page = page_of(list_predictions(actor=self.actor).filter(**narrowed), query)
            services.read_predictions(actor=self.actor, predictions=page.rows, action="prediction.list")
        return page_answer(request, page, prediction_summaries(page.rows))

    @extend_schema(
        operation_id="predictions_create",
        tags=["predictions"],
        request=PredictionInput,
        responses={201: PredictionAnswer},
        parameters=[
            OpenApiParameter(
                "Location", str, "header", response=[201], description="address of the stored prediction"
            )
        ],
        examples=[
            OpenApiExample("By findings", value=_BY_FINDINGS, request_only=True),
            OpenApiExample("By case", value=_BY_CASE, request_only=True),
        ],
        summary="Ask for a differential diagnosis",
    )
    def post(self, request: Request) -> Response:
        """Rank diseases for a patient. The answer is stored, and its id finds it again."""
        prediction = _predict(self.actor, self.body(PredictionInput))
        address = request.build_absolute_uri(reverse("api:prediction", args=[prediction.pk]))
        answer = prediction_answer(prediction, is_outdated=False)
        return Response(answer, status.HTTP_201_CREATED, headers={"Location": address})


def _predict(actor: Actor, given: dict[str, Any]) -> Prediction:
    if "case" in given:
        return services.predict_case(actor=actor, case_id=given["case"], prior=given.get("prior"))
    stated = given["findings"]
    findings = services.Findings(**stated, age=given.get("age"), sex=given.get("sex"))
    return services.predict(actor=actor, findings=findings, prior=given.get("prior"))


class PredictionRead(Operation):
    """One prediction."""

    capability = Capability.PREDICTION_READ

    @extend_schema(
        operation_id="predictions_read",
        tags=["predictions"],
        responses=PredictionAnswer,
        summary="Read a prediction",
    )
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """A stored prediction, as it was answered; and whether it still holds."""
        with transaction.atomic():
            prediction = get_prediction(actor=self.actor, prediction_id=prediction_id)
            services.read_predictions(actor=self.actor, predictions=[prediction], action="prediction.read")
            is_outdated = services.is_outdated_by_its_case(prediction=prediction)
        return Response(prediction_answer(prediction, is_outdated=is_outdated))


class PredictionExplanation(Operation):
    """Why one disease has its place."""

    capability = Capability.PREDICTION_READ

    @extend_schema(
        operation_id="predictions_explain",
        tags=["predictions"],
        parameters=[OpenApiParameter("disease_id", str, "path", description="such as OMIM:154700")],
        responses=ExplanationAnswer,
        summary="Explain a place in the ranking",
    )
    def get(self, request: Request, prediction_id: UUID, disease_id: str) -> Response:
        """What speaks for and against the disease, by the model that made the prediction, with sources."""
        explained = services.explain(actor=self.actor, prediction_id=prediction_id, disease_id=disease_id)
        return Response(explanation_answer(explained))
