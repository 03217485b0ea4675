"""REST: what patients are asked to agree to, and the acts by which they did."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cases.consents import list_acts, list_texts, read_acts, record_consent
from apps.cases.models import Consent, ConsentText
from apps.cases.selectors import get_case
from apps.core.capabilities import Capability
from apps.core.rest import FlagField, IdField, Input, Operation, PageQuery, page_answer, page_of


class ConsentTextAnswer(serializers.ModelSerializer):
    """What patients are asked to agree to."""

    class Meta:
        model = ConsentText
        fields = ("id", "purpose", "version", "language", "text", "valid_from")


class ConsentTexts(Operation):
    """The texts of consent."""

    capability = Capability.CASE_READ

    @extend_schema(
        operation_id="consent_texts_list",
        tags=["consent"],
        parameters=[PageQuery],
        responses=ConsentTextAnswer(many=True),
        summary="List texts of consent",
    )
    def get(self, request: Request) -> Response:
        """Every version for every purpose and language, newest first; those of the future have a later `valid_from`."""
        page = page_of(list_texts(), self.query(PageQuery))
        return page_answer(request, page, ConsentTextAnswer(page.rows, many=True).data)


class ConsentActInput(Input):
    """What a patient said."""

    purpose = serializers.ChoiceField(Consent.Purpose.choices)
    given = FlagField(help_text=_("false: he does not agree, or no longer"))
    channel = serializers.ChoiceField(Consent.Channel.choices, help_text=_("how he said so"))
    text = IdField(
        required=False, help_text=_("id of the text that he was shown; by default the one that is in force")
    )


class ConsentActAnswer(serializers.ModelSerializer):
    """One act; the newest of a purpose holds."""

    given = serializers.BooleanField(source="is_given")
    channel = serializers.ChoiceField(
        Consent.Channel.choices, allow_blank=True, help_text=_("empty where it was not said")
    )
    text = ConsentTextAnswer(allow_null=True)
    recorded_by = serializers.UUIDField(source="recorded_by_id", help_text=_("id of the account"))

    class Meta:
        model = Consent
        fields = ("id", "created_at", "purpose", "given", "channel", "text", "recorded_by")


class CaseConsents(Operation):
    """The acts of consent of a case's patient."""

    capability = {"GET": Capability.CASE_READ, "POST": Capability.CASE_WRITE}

    @extend_schema(
        operation_id="cases_consents_list",
        tags=["consent"],
        parameters=[PageQuery],
        responses=ConsentActAnswer(many=True),
        summary="Read what a patient agreed to",
    )
    def get(self, request: Request, case_id: UUID) -> Response:
        """Every act, newest first. A purpose without one is not agreed to."""
        query = self.query(PageQuery)
        with transaction.atomic():
            case = get_case(actor=self.actor, case_id=case_id)
            page = page_of(list_acts(case=case), query)
            read_acts(actor=self.actor, case=case)
        return page_answer(request, page, ConsentActAnswer(page.rows, many=True).data)

    @extend_schema(
        operation_id="cases_consents_record",
        tags=["consent"],
        request=ConsentActInput,
        responses={201: ConsentActAnswer},
        examples=[
            OpenApiExample(
                "A withdrawal",
                value={"purpose": "training", "given": False, "channel": "oral"},
                request_only=True,
            )
        ],
        summary="Record or withdraw consent",
    )
    def post(self, request: Request, case_id: UUID) -> Response:
        """Add an act; none is ever changed. It holds at once: without consent to care the next prediction is refused
        (403), without that to training or research the case is in no later dataset or export.
        """
        given: dict[str, Any] = self.body(ConsentActInput)
        act = record_consent(
            actor=self.actor,
            case_id=case_id,
            purpose=given["purpose"],
            is_given=given["given"],
            channel=given["channel"],
            text_id=given.get("text"),
        )
        return Response(ConsentActAnswer(act).data, status.HTTP_201_CREATED)
