"""REST: what turned out."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.capabilities import Capability
from apps.core.rest import FlagField, IdField, Input, Operation, PageQuery, TextField, page_answer, page_of
from apps.predictions import services
from apps.predictions.api.answers import FeedbackAnswer
from apps.predictions.selectors import list_feedback

_PREDICTION = "0198f3b2-7c1e-7d3a-9c54-2f1f0c6f6a11"


class FeedbackInput(Input):
    """The confirmed diagnosis, or that it was none of those listed."""

    prediction = IdField()
    diagnosis = TextField(
        required=False, max_length=30, help_text=_("id of the disease, such as OMIM:154700")
    )
    none_of_these = FlagField(required=False, help_text=_("true, instead of a diagnosis"))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("diagnosis" in attrs) == attrs.get("none_of_these", False):
            raise serializers.ValidationError(
                _("Give either `diagnosis` or `none_of_these`: true, and not both."), "either_or"
            )
        return attrs


class FeedbackQuery(PageQuery):
    """Query of the feedback."""

    prediction = IdField(required=False, help_text=_("feedback on this prediction"))


class FeedbackList(Operation):
    """Feedback on predictions."""

    capability = {"GET": Capability.PREDICTION_READ, "POST": Capability.FEEDBACK_WRITE}
    problems = {"POST": (403,)}

    @extend_schema(
        operation_id="feedback_list",
        tags=["feedback"],
        parameters=[FeedbackQuery],
        responses=FeedbackAnswer(many=True),
        summary="List feedback",
    )
    def get(self, request: Request) -> Response:
        """Feedback on the predictions that you may see, newest first."""
        query = self.query(FeedbackQuery)
        narrowed = {"prediction_id": query["prediction"]} if "prediction" in query else {}
        with transaction.atomic():
            page = page_of(list_feedback(actor=self.actor).filter(**narrowed), query)
            shown = [row.prediction for row in page.rows]
            services.read_predictions(actor=self.actor, predictions=shown, action="feedback.list")
        return page_answer(request, page, FeedbackAnswer(page.rows, many=True).data)

    @extend_schema(
        operation_id="feedback_create",
        tags=["feedback"],
        request=FeedbackInput,
        responses={201: FeedbackAnswer},
        examples=[
            OpenApiExample(
                "Confirmed", value={"prediction": _PREDICTION, "diagnosis": "OMIM:154700"}, request_only=True
            ),
            OpenApiExample(
                "None of these", value={"prediction": _PREDICTION, "none_of_these": True}, request_only=True
            ),
        ],
        summary="Say what turned out",
    )
    def post(self, request: Request) -> Response:
        """Record the confirmed diagnosis of a prediction; of a stored case it becomes the outcome, too."""
        given = self.body(FeedbackInput)
        feedback = services.record_feedback(
            actor=self.actor, prediction_id=given["prediction"], disease_id=given.get("diagnosis")
        )
        return Response(FeedbackAnswer(feedback).data, status.HTTP_201_CREATED)
