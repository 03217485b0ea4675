"""REST: emergency access."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.reauthentication import confirm_caller
from apps.cases.emergency import (
    LONGEST_REASON,
    SHORTEST_REASON,
    list_emergencies,
    open_emergency,
    read_emergencies,
    review_emergency,
)
from apps.cases.models import EmergencyAccess
from apps.core.capabilities import Capability
from apps.core.rest import FlagField, Input, Operation, PageQuery, TextField, page_answer, page_of


class EmergencyInput(Input):
    """Whose cases somebody needs to see at once, why, and that it is he who asks."""

    patient = TextField(
        max_length=200, help_text=_("the whole pseudonym, or the whole medical record number")
    )
    reason = TextField(
        min_length=SHORTEST_REASON, max_length=LONGEST_REASON, help_text=_("the privacy officer reads it")
    )
    password = TextField(
        required=False,
        allow_blank=True,
        max_length=4096,
        trim_whitespace=False,
        help_text=_("your own; not needed where you have a second factor"),
    )
    code = TextField(
        required=False,
        allow_blank=True,
        max_length=20,
        help_text=_("of your authenticator app, or a recovery code"),
    )


class ReviewInput(Input):
    """What the privacy officer thinks of it."""

    justified = FlagField(help_text=_("false ends the access at once"))


class EmergencyAnswer(serializers.ModelSerializer):
    """One emergency access."""

    user = serializers.UUIDField(source="user_id", help_text=_("id of the account"))
    patient = serializers.UUIDField(source="patient_id", help_text=_("the patient’s opaque id"))
    reason = serializers.CharField()
    justified = serializers.BooleanField(
        source="is_justified", allow_null=True, help_text=_("null: not reviewed yet")
    )

    class Meta:
        model = EmergencyAccess
        fields = ("id", "user", "patient", "reason", "created_at", "expires_at", "reviewed_at", "justified")


class Emergencies(Operation):
    """Seeing a patient outside one's care."""

    capability = {"GET": Capability.EMERGENCY_REVIEW, "POST": Capability.EMERGENCY_OPEN}
    problems = {"POST": (409,)}

    @extend_schema(
        operation_id="emergencies_list",
        tags=["emergencies"],
        parameters=[PageQuery],
        responses=EmergencyAnswer(many=True),
        summary="List emergency access",
    )
    def get(self, request: Request) -> Response:
        """Every emergency access in your organisation, newest first."""
        query = self.query(PageQuery)
        with transaction.atomic():
            page = page_of(list_emergencies(actor=self.actor), query)
            read_emergencies(actor=self.actor, accesses=page.rows)
        return page_answer(request, page, EmergencyAnswer(page.rows, many=True).data)

    @extend_schema(
        operation_id="emergencies_open",
        tags=["emergencies"],
        request=EmergencyInput,
        responses={201: EmergencyAnswer},
        examples=[
            OpenApiExample(
                "Of a patient in danger",
                value={
                    "patient": "K7-0042",
                    "reason": "Unconscious in the emergency department",
                    "code": "123456",
                },
                request_only=True,
            )
        ],
        summary="Open a patient’s cases in an emergency",
    )
    def post(self, request: Request) -> Response:
        """See the cases of one patient for an hour at most. The privacy officer is told, and reviews it before you
        can do so again; what you read meanwhile is recorded under your reason.
        """
        given = self.body(EmergencyInput)
        confirm_caller(
            request._request,
            self.actor.account(),
            password=given.get("password", ""),
            code=given.get("code", ""),
        )
        access = open_emergency(actor=self.actor, patient=given["patient"], reason=given["reason"])
        return Response(EmergencyAnswer(access).data, status.HTTP_201_CREATED)


class EmergencyReview(Operation):
    """The review of an emergency access."""

    capability = Capability.EMERGENCY_REVIEW
    problems = {"POST": (409,)}

    @extend_schema(
        operation_id="emergencies_review",
        tags=["emergencies"],
        request=ReviewInput,
        responses=EmergencyAnswer,
        examples=[OpenApiExample("It was needed", value={"justified": True}, request_only=True)],
        summary="Review an emergency access",
    )
    def post(self, request: Request, access_id: UUID) -> Response:
        """Say whether it was justified, once; never of your own."""
        given = self.body(ReviewInput)
        access = review_emergency(actor=self.actor, access_id=access_id, is_justified=given["justified"])
        return Response(EmergencyAnswer(access).data)
