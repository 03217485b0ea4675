"""REST: what to ask next."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.capabilities import Capability
from apps.core.rest import Operation
from apps.knowledge.api import TermReference
from apps.predictions import questions
from apps.predictions.api.answers import ADVICE
from apps.predictions.api.findings import TermIdsField
from apps.predictions.api.predictions import PredictionInput
from apps.predictions.services import Findings
from ml.serving.query import MOST_FINDINGS

MOST_QUESTIONS = 50


class QuestionsInput(PredictionInput):
    """Findings with age and sex, or a case; and what to leave out."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_QUESTIONS, default=questions.ASKED, help_text=_("how many questions")
    )
    unknown = TermIdsField(
        required=False,
        max_length=MOST_FINDINGS,
        help_text=_("HPO ids that were asked for in vain; they and their subtypes are left out"),
    )
    costs = serializers.DictField(
        child=serializers.FloatField(min_value=0.001, max_value=1e6),
        required=False,
        help_text=_("what asking for a finding costs, by HPO id; 1 for all others"),
    )


class QuestionAnswer(serializers.Serializer):
    """A finding whose answer would tell much."""

    finding = TermReference()
    gain_bits = serializers.FloatField(
        help_text=_("information that the answer is expected to give, in bits")
    )
    probability = serializers.FloatField(help_text=_("that the patient has it, as the list stands"))


class QuestionsAnswer(serializers.Serializer):
    """What to ask next, most telling first."""

    questions = QuestionAnswer(many=True)
    advice = serializers.CharField()


class AskNext(Operation):
    """Questions that would tell most."""

    capability = Capability.PREDICTION_CREATE
    problems = {"POST": (403,)}

    @extend_schema(
        operation_id="predictions_ask_next",
        tags=["predictions"],
        request=QuestionsInput,
        responses=QuestionsAnswer,
        examples=[
            OpenApiExample(
                "By findings",
                value={
                    "findings": {"present": ["HP:0001166", "HP:0001083"]},
                    "age": "P20Y",
                    "unknown": ["HP:0002616"],
                    "costs": {"HP:0002616": 20},
                },
                request_only=True,
            )
        ],
        summary="Ask what to ask next",
    )
    def post(self, request: Request) -> Response:
        """The findings whose presence or absence would change the list most. Nothing is stored."""
        given = self.body(QuestionsInput)
        more: dict[str, Any] = {
            "actor": self.actor,
            "prior": given.get("prior"),
            "limit": given["limit"],
            "unknown": given.get("unknown", ()),
            "costs": given.get("costs"),
        }
        if "case" in given:
            found = questions.next_questions_of_case(case_id=given["case"], **more)
        else:
            findings = Findings(**given["findings"], age=given.get("age"), sex=given.get("sex"))
            found = questions.next_questions(findings=findings, **more)
        return Response({"questions": [_question(question) for question in found], "advice": ADVICE})


def _question(question: Any) -> dict[str, Any]:
    return {
        "finding": {"id": question.finding, "label": question.label},
        "gain_bits": question.gain_bits,
        "probability": question.probability,
    }
