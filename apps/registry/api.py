"""REST: model versions, and which of them answered when."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.capabilities import Capability
from apps.core.rest import Operation, PageQuery, page_answer, page_of
from apps.registry.models import Activation, ModelVersion
from apps.registry.selectors import active_model, get_model, list_models, list_releases, releases_at


class ModelReference(serializers.Serializer):
    """Which model it was."""

    number = serializers.IntegerField()
    artefact_hash = serializers.CharField(help_text=_("SHA-256 over the served files"))
    knowledge_version = serializers.CharField()


class ModelAnswer(serializers.ModelSerializer):
    """A model version."""

    is_active = serializers.SerializerMethodField(help_text=_("whether it answers now"))

    class Meta:
        model = ModelVersion
        fields: tuple[str, ...] = ("number", "artefact_hash", "knowledge_version", "created_at", "is_active")

    def get_is_active(self, model: ModelVersion) -> bool:
        active: ModelVersion | None = self.context["active"]
        return active is not None and active.pk == model.pk


class ModelDetail(ModelAnswer):
    """A model version with its manifest: what it was made from, and what was measured."""

    manifest = serializers.DictField()

    class Meta(ModelAnswer.Meta):
        fields = (*ModelAnswer.Meta.fields, "manifest")


class ReleaseAnswer(serializers.Serializer):
    """From when on which model answered, on whose word, on what evidence; newest first."""

    created_at = serializers.DateTimeField(help_text=_("from then on"))
    model = ModelReference()
    how = serializers.ChoiceField(source="kind", choices=Activation.Kind.choices)
    share = serializers.IntegerField(
        help_text=_("percent of the requests; the last release has those that a canary leaves")
    )
    activated_by = serializers.UUIDField(
        source="activated_by_id", allow_null=True, help_text=_("who decided; null: the system")
    )
    reason = serializers.CharField()
    proposed_by = serializers.SerializerMethodField(help_text=_("null where nobody had to propose it"))
    gates = serializers.SerializerMethodField(help_text=_("what the gates had said of the model"))

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_proposed_by(self, release: Activation) -> UUID | None:
        return release.decision.proposed_by_id if release.decision else None

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_gates(self, release: Activation) -> list[Any]:
        return list(release.decision.proposal.gates.results) if release.decision else []


class ReleaseQuery(PageQuery):
    """Query of the releases: all, or those that held at one moment."""

    at = serializers.DateTimeField(
        required=False, help_text=_("only what answered then: the release, and a canary beside it")
    )


class Releases(Operation):
    """What answered when."""

    capability = Capability.MODEL_READ

    @extend_schema(
        operation_id="releases_list",
        tags=["models"],
        parameters=[ReleaseQuery],
        responses=ReleaseAnswer(many=True),
        summary="List releases of models",
    )
    def get(self, request: Request) -> Response:
        """Releases, rollbacks and canaries, newest first."""
        query = self.query(ReleaseQuery)
        rows = (
            releases_at(actor=self.actor, moment=query["at"])
            if "at" in query
            else list_releases(actor=self.actor)
        )
        page = page_of(rows, query)
        return page_answer(request, page, ReleaseAnswer(page.rows, many=True).data)


class Models(Operation):
    """Model versions."""

    capability = Capability.MODEL_READ

    @extend_schema(
        operation_id="models_list",
        tags=["models"],
        parameters=[PageQuery],
        responses=ModelAnswer(many=True),
        summary="List model versions",
    )
    def get(self, request: Request) -> Response:
        """Model versions, newest first; one of them answers."""
        page = page_of(list_models(actor=self.actor), self.query(PageQuery))
        return page_answer(
            request, page, ModelAnswer(page.rows, many=True, context={"active": active_model()}).data
        )


class ModelRead(Operation):
    """One model version."""

    capability = Capability.MODEL_READ

    @extend_schema(
        operation_id="models_read",
        tags=["models"],
        parameters=[OpenApiParameter("number", int, "path")],
        responses=ModelDetail,
        summary="Read a model version",
    )
    def get(self, request: Request, number: int) -> Response:
        """A model version with its manifest."""
        model = get_model(actor=self.actor, number=number)
        return Response(ModelDetail(model, context={"active": active_model()}).data)
