"""REST: who a patient is."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.actors import Actor
from apps.cases.models import PERSON_LENGTHS, Case
from apps.cases.selectors import get_case, person_of, same_identifier
from apps.cases.services import change_person, read_cases
from apps.core.capabilities import Capability
from apps.core.rest import Input, Operation, TextField


def _text(name: str, help_text: Any) -> TextField:
    return TextField(required=False, allow_blank=True, max_length=PERSON_LENGTHS[name], help_text=help_text)


class PersonInput(Input):
    """What is to change; an empty text forgets what stood there."""

    name = _text("name", _("of the patient"))
    identifier = _text("identifier", _("the hospital’s medical record number"))
    contact = _text("contact", _("how to reach the patient"))
    note = _text("note", _("of this case; no prediction reads it"))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(_("Say what is to change."), "nothing_given")
        return attrs


class PersonAnswer(serializers.Serializer):
    """Who the patient of a case is; empty where nobody entered it."""

    name = serializers.CharField()
    identifier = serializers.CharField(help_text=_("the hospital’s medical record number"))
    contact = serializers.CharField()
    note = serializers.CharField(help_text=_("of this case"))
    n_same_identifier = serializers.IntegerField(
        help_text=_("other patients of your organisation with the same medical record number")
    )


def _answer(actor: Actor, case: Case) -> Any:
    n_others, _cases = same_identifier(actor=actor, case=case)
    return PersonAnswer(person_of(case) | {"n_same_identifier": n_others}).data


class CasePerson(Operation):
    """Who the patient of a case is."""

    capability = {"GET": Capability.CASE_READ, "PATCH": Capability.CASE_WRITE}
    problems = {"PATCH": (403,)}

    @extend_schema(
        operation_id="cases_person_read",
        tags=["cases"],
        responses=PersonAnswer,
        summary="Read who a patient is",
    )
    def get(self, request: Request, case_id: UUID) -> Response:
        """Name, medical record number, contact, and the case’s note. No list and no other answer has them."""
        with transaction.atomic():
            case = get_case(actor=self.actor, case_id=case_id)
            read_cases(actor=self.actor, cases=[case], action="person.read")
            return Response(_answer(self.actor, case))

    @extend_schema(
        operation_id="cases_person_change",
        tags=["cases"],
        request=PersonInput,
        responses=PersonAnswer,
        examples=[
            OpenApiExample(
                "Number and name", value={"name": "Ada Example", "identifier": "4711"}, request_only=True
            )
        ],
        summary="Change who a patient is",
    )
    def patch(self, request: Request, case_id: UUID) -> Response:
        """Change what is given and leave the rest. A medical record number that another patient has is taken, and
        `n_same_identifier` says so.
        """
        given = self.body(PersonInput)
        with transaction.atomic():
            case = change_person(actor=self.actor, case_id=case_id, values=given)
            return Response(_answer(self.actor, case))
