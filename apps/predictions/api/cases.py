"""REST: cases."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cases.models import PERSON_LENGTHS, Case, Consent, Finding, Sex
from apps.cases.selectors import consents_of, get_case, search_cases
from apps.cases.services import NewCase, read_cases
from apps.core.capabilities import Capability
from apps.core.rest import FlagField, Input, Operation, PageQuery, TextField, page_answer, page_of
from apps.knowledge.api import DiseaseReference, TermReference
from apps.predictions import services
from apps.predictions.api.answers import NoticeAnswer
from apps.predictions.api.findings import AgeField, FindingsInput, SexField
from ml.serving import Notice

_EXAMPLE = {
    "pseudonym": "K7-0042",
    "sex": "female",
    "age": "P20Y",
    "findings": {"present": ["HP:0001166", "HP:0001083"], "absent": ["HP:0000193"]},
    "consent": {"care": True, "training": False},
}


class ConsentInput(Input):
    """What the patient agrees to."""

    care = FlagField(required=False, help_text=_("that predictions are made for his care"))
    training = FlagField(required=False, help_text=_("that models are trained on his confirmed case"))
    research = FlagField(required=False, help_text=_("that his case is part of de-identified exports"))
    channel = serializers.ChoiceField(Consent.Channel.choices, required=False, help_text=_("how he said so"))


class CaseInput(Input):
    """A new case. Consent that is not given counts as refused."""

    pseudonym = TextField(max_length=80, help_text=_("unique in your organisation; never a name"))
    sex = SexField(required=False, allow_null=True)
    age = AgeField(required=False, allow_null=True, max_length=20)
    findings = FindingsInput(
        required=False, help_text=_("may be left out; then there is nothing to predict from yet")
    )
    consent = ConsentInput(required=False)


class CaseChange(Input):
    """What is to change. Each list in `findings` replaces all findings of that state."""

    sex = SexField(required=False)
    age = AgeField(required=False, allow_blank=True, max_length=20)
    findings = FindingsInput(required=False)
    consent = ConsentInput(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if all(value == {} for value in attrs.values()):
            raise serializers.ValidationError(_("Say what is to change."), "nothing_given")
        return attrs


class CaseQuery(PageQuery):
    """Query of the cases."""

    q = TextField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text=_("a whole pseudonym or medical record number, or part of a diagnosis"),
    )
    identifier = TextField(
        required=False,
        max_length=PERSON_LENGTHS["identifier"],
        help_text=_("a whole medical record number"),
    )
    sex = serializers.ChoiceField(Sex.choices, required=False)
    outcome = serializers.ChoiceField(
        ["open", "closed"], required=False, help_text=_("closed: an outcome is recorded")
    )


class CaseSummary(serializers.ModelSerializer):
    """One row of the cases."""

    pseudonym = serializers.CharField(source="patient.pseudonym")
    sex = serializers.ChoiceField(Sex.choices, source="patient.sex")
    age = serializers.CharField(help_text=_("ISO 8601 duration; empty where not known"))
    diagnosis = serializers.SerializerMethodField(help_text=_("the confirmed one, or null"))
    is_closed = serializers.BooleanField(source="has_outcome", help_text=_("whether an outcome is recorded"))

    is_restricted = serializers.BooleanField(
        help_text=_("whether processing is restricted: nothing is changed or predicted")
    )

    class Meta:
        model = Case
        fields: tuple[str, ...] = (
            "id",
            "pseudonym",
            "sex",
            "age",
            "created_at",
            "updated_at",
            "diagnosis",
            "is_closed",
            "is_restricted",
        )

    @extend_schema_field(DiseaseReference(allow_null=True))
    def get_diagnosis(self, case: Any) -> dict[str, str] | None:
        return {"id": case.diagnosis_id, "name": case.diagnosis} if case.diagnosis_id else None


class FindingsAnswer(serializers.Serializer):
    """Findings with their labels."""

    present = TermReference(many=True)
    absent = TermReference(many=True)
    uncertain = TermReference(many=True)


class ConsentAnswer(serializers.Serializer):
    """Whether consent holds, by purpose."""

    care = serializers.BooleanField()
    training = serializers.BooleanField()
    research = serializers.BooleanField()


class CaseAnswer(CaseSummary):
    """A case with its findings and consent."""

    findings = serializers.SerializerMethodField()
    consent = serializers.SerializerMethodField()
    notices = NoticeAnswer(many=True, help_text=_("what was put right in what you sent; empty on reading"))

    class Meta(CaseSummary.Meta):
        fields = (*CaseSummary.Meta.fields, "findings", "consent", "notices")

    @extend_schema_field(FindingsAnswer)
    def get_findings(self, case: Case) -> dict[str, list[dict[str, str]]]:
        rows = list(case.findings.all())
        return {
            "present": _terms(row for row in rows if row.is_present),
            "absent": _terms(row for row in rows if row.is_present is False),
            "uncertain": _terms(row for row in rows if row.is_present is None),
        }

    @extend_schema_field(ConsentAnswer)
    def get_consent(self, case: Case) -> dict[str, bool]:
        return consents_of(patient_id=case.patient_id)


def _terms(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"id": found.term_id, "label": found.term.label} for found in findings]


def _consents(given: dict[str, Any]) -> dict[str, Any]:
    """What the services are told of the consent in a body."""
    said = dict(given.get("consent", {}))
    return {"consent_channel": said.pop("channel", ""), "consents": said}


def _answer(case: Case, notices: Iterable[Notice] = ()) -> Any:
    case.notices = list(notices)  # type: ignore[attr-defined]
    return CaseAnswer(case).data


class Cases(Operation):
    """The cases in your care."""

    capability = {"GET": Capability.CASE_READ, "POST": Capability.CASE_WRITE}

    @extend_schema(
        operation_id="cases_list",
        tags=["cases"],
        parameters=[CaseQuery],
        responses=CaseSummary(many=True),
        summary="List cases",
    )
    def get(self, request: Request) -> Response:
        """The cases whose care team you belong to, newest first."""
        query = self.query(CaseQuery)
        with transaction.atomic():
            cases = search_cases(
                actor=self.actor,
                text=query.get("q", ""),
                sex=query.get("sex", ""),
                outcome=query.get("outcome", ""),
                identifier=query.get("identifier", ""),
            )
            page = page_of(cases, query)
            read_cases(actor=self.actor, cases=page.rows, action="case.list")
        return page_answer(request, page, CaseSummary(page.rows, many=True).data)

    @extend_schema(
        operation_id="cases_create",
        tags=["cases"],
        request=CaseInput,
        responses={201: CaseAnswer},
        parameters=[
            OpenApiParameter("Location", str, "header", response=[201], description="address of the case")
        ],
        examples=[OpenApiExample("A case", value=_EXAMPLE, request_only=True)],
        summary="Enter a case",
    )
    def post(self, request: Request) -> Response:
        """Enter a case; you are its care team. Obsolete and alternative ids are replaced, and `notices` says so."""
        given = self.body(CaseInput)
        findings = given.get("findings", {})
        new = NewCase(
            pseudonym=given["pseudonym"],
            sex=given.get("sex") or Sex.UNKNOWN.value,
            age=given.get("age") or "",
            present=tuple(findings.get("present", ())),
            absent=tuple(findings.get("absent", ())),
            uncertain=tuple(findings.get("uncertain", ())),
            **_consents(given),
        )
        with transaction.atomic():
            case, notices = services.enter_checked_case(actor=self.actor, new=new)
            case = get_case(actor=self.actor, case_id=case.pk)
        address = request.build_absolute_uri(reverse("api:case", args=[case.pk]))
        return Response(_answer(case, notices), status.HTTP_201_CREATED, headers={"Location": address})


class CaseRead(Operation):
    """One case."""

    capability = {"GET": Capability.CASE_READ, "PATCH": Capability.CASE_WRITE}
    problems = {"PATCH": (403,)}

    @extend_schema(operation_id="cases_read", tags=["cases"], responses=CaseAnswer, summary="Read a case")
    def get(self, request: Request, case_id: UUID) -> Response:
        """A case with its findings and consent."""
        with transaction.atomic():
            case = get_case(actor=self.actor, case_id=case_id)
            read_cases(actor=self.actor, cases=[case], action="case.read")
        return Response(_answer(case))

    @extend_schema(
        operation_id="cases_change",
        tags=["cases"],
        request=CaseChange,
        responses=CaseAnswer,
        examples=[
            OpenApiExample(
                "Age and absent findings",
                value={"age": "P21Y", "findings": {"absent": []}},
                request_only=True,
            )
        ],
        summary="Change a case",
    )
    def patch(self, request: Request, case_id: UUID) -> Response:
        """Change what is given and leave the rest; predictions that were made stay as they are."""
        given = self.body(CaseChange)
        findings = given.get("findings", {})
        case, notices = services.change_checked_case(
            actor=self.actor,
            case_id=case_id,
            age=given.get("age"),
            sex=given.get("sex"),
            present=findings.get("present"),
            absent=findings.get("absent"),
            uncertain=findings.get("uncertain"),
            **_consents(given),
        )
        return Response(_answer(case, notices))
