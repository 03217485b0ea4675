"""REST: model versions."""

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.capabilities import Capability
from apps.core.rest import Operation, PageQuery, page_answer, page_of
from apps.registry.models import ModelVersion
from apps.registry.selectors import active_model, get_model, list_models


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
