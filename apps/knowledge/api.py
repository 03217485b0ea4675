"""REST: terms, diseases, and what a note says."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.capabilities import Capability
from apps.core.rest import Input, Operation, TextField
from apps.knowledge import selectors, services
from apps.knowledge.models import Annotation, Disease, Term
from apps.knowledge.notes import LANGUAGES, LONGEST_NOTE, STATES, NoteFinding
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


class NoteInput(Input):
    """A clinical note. It is read and forgotten: neither stored nor logged."""

    text = TextField(
        max_length=LONGEST_NOTE,
        trim_whitespace=False,
        allow_blank=True,
        help_text=_("plain text in English or Spanish"),
    )
    language = serializers.ChoiceField(
        LANGUAGES, required=False, help_text=_("without it, the language is told from the text")
    )


class SpanAnswer(serializers.Serializer):
    """A place of the text that names the finding."""

    start = serializers.IntegerField(help_text=_("in characters of what was sent, from 0"))
    end = serializers.IntegerField(help_text=_("the first character after it"))
    state = serializers.ChoiceField(STATES, help_text=_("what is said at this place"))
    negated = serializers.BooleanField(help_text=_("denied of the patient, or of the relative"))
    score = serializers.FloatField(help_text=_("how close the wording is to a name, 0 to 1; no probability"))


class NoteFindingAnswer(serializers.Serializer):
    """A finding of the note, once, under the state that counts."""

    finding = TermReference()
    state = serializers.ChoiceField(
        STATES, help_text=_("family and uncertain findings are not findings of the patient")
    )
    score = serializers.FloatField(help_text=_("that of the closest wording"))
    spans = SpanAnswer(many=True, help_text=_("in reading order"))


class NoteAnswer(serializers.Serializer):
    """What the note says. A person confirms each finding before it counts."""

    language = serializers.ChoiceField(LANGUAGES, help_text=_("in which it was read"))
    is_limited = serializers.BooleanField(
        help_text=_("read by few names only, as no translations are loaded")
    )
    findings = NoteFindingAnswer(many=True)


class NoteFindings(Operation):
    """Findings of a note."""

    capability = Capability.CASE_WRITE

    @extend_schema(
        operation_id="notes_findings",
        tags=["notes"],
        request=NoteInput,
        responses=NoteAnswer,
        examples=[
            OpenApiExample(
                "A note",
                value={"text": "Tall, with ectopia lentis. No cleft palate.", "language": "en"},
                request_only=True,
            )
        ],
        summary="Find the findings of a note",
    )
    def post(self, request: Request) -> Response:
        """Read a clinical note: findings that are present, absent, uncertain or a relative's, with their places.

        Nothing of the note is stored. To use findings, send those that a person confirmed with a case or a prediction.
        """
        given = self.body(NoteInput)
        note = services.read_note(actor=self.actor, text=given["text"], language=given.get("language"))
        return Response(
            {
                "language": note.language,
                "is_limited": note.is_limited,
                "findings": [_note_finding(found) for found in note.findings],
            }
        )


def _note_finding(found: NoteFinding) -> dict[str, Any]:
    return {
        "finding": {"id": found.id, "label": found.label},
        "state": found.state,
        "score": found.score,
        "spans": [
            {
                "start": mention.start,
                "end": mention.end,
                "state": mention.status,
                "negated": mention.negated,
                "score": mention.score,
            }
            for mention in found.mentions
        ],
    }
