"""Suggestions while somebody types, and the page of a disease."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.core.capabilities import Capability
from apps.knowledge.selectors import (
    current_release,
    get_disease,
    list_annotations,
    search_diseases,
    search_terms,
)
from apps.knowledge.translations import label_for_reader


class TermSuggestions(CapabilityRequired, View):
    """Findings that match `q`, as the options of a list."""

    capability = Capability.KNOWLEDGE_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        hits = search_terms(query=request.GET.get("q", ""))
        options = []
        for hit in hits:
            label = label_for_reader(term_id=hit.id, label=hit.label)
            also = "" if hit.kind == "id" or hit.text == label else hit.text
            options.append({"id": hit.id, "label": label, "also": also, "note": hit.definition})
        return render(request, "knowledge/options.html", {"options": options})


class DiseaseSuggestions(CapabilityRequired, View):
    """Diseases that match `q`, as the options of a list."""

    capability = Capability.KNOWLEDGE_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        hits = search_diseases(query=request.GET.get("q", ""))
        options = [{"id": disease.pk, "label": disease.name, "also": "", "note": ""} for disease in hits]
        return render(request, "knowledge/options.html", {"options": options})


class DiseasePage(CapabilityRequired, View):
    """What the knowledge says of a disease: each finding with its frequency and references."""

    capability = Capability.KNOWLEDGE_READ

    def get(self, request: HttpRequest, disease_id: str) -> HttpResponse:
        disease = get_disease(disease_id=disease_id)
        annotations = list(list_annotations(disease=disease))
        context = {
            "disease": disease,
            "sources": (disease.pk,),
            "present": [row for row in annotations if not row.is_negated],
            "negated": [row for row in annotations if row.is_negated],
            "release": current_release(),
        }
        return render(request, "knowledge/disease.html", context)
