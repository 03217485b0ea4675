"""REST: terms and diseases."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.capabilities import Capability
from apps.core.rest import Input, Operation, TextField
from apps.knowledge import selectors
from apps.knowledge.models import Annotation, Disease, Term
from apps.knowledge.references import source_address


class SearchQuery(Input):
    """Query of a search."""

    q = TextField(max_length=200, help_text=_("words, part of a word or an id; typing errors are forgiven"))
    limit = serializers.IntegerField(min_value=1, max_value=50, default=selectors.SEARCH_LIMIT)


class TermReference(serializers.Serializer):
    """A term by id and label."""

    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class DiseaseReference(serializers.Serializer):
    """A disease by id and name."""

    id = serializers.CharField()
    name = serializers.CharField()


class SourceReference(serializers.Serializer):
    """A publication or a database entry; `url` is null where it has no public page."""

    id = serializers.CharField()
    url = serializers.URLField(allow_null=True)


class TermHitAnswer(serializers.Serializer):
    """A term, and the name (`text`) by which it was found."""

    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    text = serializers.CharField()
    kind = serializers.ChoiceField(["label", "synonym", "id"])
    language = serializers.CharField(help_text=_("of `text`; empty for an id"))
    definition = serializers.CharField()


class TermHits(serializers.Serializer):
    results = TermHitAnswer(many=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Arachnodactyly",
            value={
                "id": "HP:0001166",
                "label": "Arachnodactyly",
                "definition": "Abnormally long and slender fingers.",
                "is_phenotype": True,
                "is_obsolete": False,
                "replaced_by": None,
                "parents": ["HP:0001238"],
                "alternative_ids": ["HP:0001505"],
            },
            response_only=True,
        )
    ]
)
class TermAnswer(serializers.ModelSerializer):
    """One HPO term."""

    replaced_by = serializers.SerializerMethodField(
        help_text=_("id of the term that replaces an obsolete one")
    )

    class Meta:
        model = Term
        fields: tuple[str, ...] = (
            "id",
            "label",
            "definition",
            "is_phenotype",
            "is_obsolete",
            "replaced_by",
            "parents",
            "alternative_ids",
        )

    def get_replaced_by(self, term: Term) -> str | None:
        return term.replaced_by or None


class DiseaseAnswer(serializers.ModelSerializer):
    """A disease of OMIM, Orphanet or DECIPHER."""

    rarity = serializers.SerializerMethodField(help_text=_("rare, common, or null where not known"))

    class Meta:
        model = Disease
        fields: tuple[str, ...] = ("id", "name", "database", "rarity", "rarity_source")

    def get_rarity(self, disease: Disease) -> str | None:
        return disease.rarity or None


class DiseaseHits(serializers.Serializer):
    results = DiseaseAnswer(many=True)


class AnnotationAnswer(serializers.Serializer):
    """A finding of a disease, how often it is seen, and where that is said."""

    term = TermReference()
    is_negated = serializers.BooleanField(
        help_text=_("the finding was looked for and is not part of the disease")
    )
    frequency = serializers.CharField(
        help_text=_("as published: n/m, a percentage or an HPO frequency; may be empty")
    )
    onset = serializers.CharField()
    sex = serializers.CharField()
    evidence = serializers.CharField(
        help_text=_("PCS published study, TAS traceable statement, IEA computed")
    )
    references = serializers.SerializerMethodField()

    def get_references(self, annotation: Annotation) -> list[dict[str, Any]]:
        return sources(annotation.references)


class DiseaseDetail(DiseaseAnswer):
    """A disease with its findings."""

    annotations = AnnotationAnswer(many=True)

    class Meta(DiseaseAnswer.Meta):
        fields = (*DiseaseAnswer.Meta.fields, "annotations")


def sources(references: Any) -> list[dict[str, Any]]:
    """References, each with the address where it can be read."""
    return [{"id": reference, "url": source_address(reference) or None} for reference in references]


class Terms(Operation):
    """Terms by search."""

    capability = Capability.KNOWLEDGE_READ

    @extend_schema(
        operation_id="terms_search",
        tags=["knowledge"],
        parameters=[SearchQuery],
        responses=TermHits,
        summary="Search findings",
    )
    def get(self, request: Request) -> Response:
        """Findings whose label, synonym or id matches, best first."""
        query = self.query(SearchQuery)
        hits = selectors.search_terms(query=query["q"], limit=query["limit"])
        return Response(TermHits({"results": hits}).data)


class TermDetail(Operation):
    """One term."""

    capability = Capability.KNOWLEDGE_READ

    @extend_schema(
        operation_id="terms_read",
        tags=["knowledge"],
        parameters=[
            OpenApiParameter("term_id", str, "path", description="such as HP:0001166; alternative ids, too")
        ],
        responses=TermAnswer,
        summary="Read a term",
    )
    def get(self, request: Request, term_id: str) -> Response:
        """A term by its id or one of its alternative ids."""
        return Response(TermAnswer(selectors.get_term(term_id=term_id)).data)


class Diseases(Operation):
    """Diseases by search."""

    capability = Capability.KNOWLEDGE_READ

    @extend_schema(
        operation_id="diseases_search",
        tags=["knowledge"],
        parameters=[SearchQuery],
        responses=DiseaseHits,
        summary="Search diseases",
    )
    def get(self, request: Request) -> Response:
        """Diseases whose name or id matches, best first."""
        query = self.query(SearchQuery)
        hits = selectors.search_diseases(query=query["q"], limit=query["limit"])
        return Response(DiseaseHits({"results": hits}).data)


class DiseaseRead(Operation):
    """One disease."""

    capability = Capability.KNOWLEDGE_READ

    @extend_schema(
        operation_id="diseases_read",
        tags=["knowledge"],
        parameters=[
            OpenApiParameter("disease_id", str, "path", description="such as OMIM:154700 or ORPHA:558")
        ],
        responses=DiseaseDetail,
        summary="Read a disease with its findings",
    )
    def get(self, request: Request, disease_id: str) -> Response:
        """A disease, its findings with their frequencies, and the sources of each."""
        disease = selectors.get_disease(disease_id=disease_id)
        annotations = AnnotationAnswer(selectors.list_annotations(disease=disease), many=True).data
        return Response({**DiseaseAnswer(disease).data, "annotations": annotations})
