"""Finding terms by label, synonym or id, with typing errors, at once."""

import statistics
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.knowledge.models import KnowledgeRelease, Term
from apps.knowledge.selectors import search_diseases, search_terms

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("knowledge")]


@pytest.mark.parametrize(
    ("query", "expected", "within"),
    [
        ("arachnodactyly", "HP:0001166", 1),
        ("Arachnodactyly", "HP:0001166", 1),
        ("arachnodactily", "HP:0001166", 1),  # a typing error
        ("aracnodactyly", "HP:0001166", 1),  # another
        ("spider fingers", "HP:0001166", 1),  # a synonym
        ("seizures", "HP:0001250", 1),
        ("siezure", "HP:0001250", 3),
        ("ectopia lentis", "HP:0001083", 1),
        ("lens dislocation", "HP:0001083", 3),
        ("hepatomegaly", "HP:0002240", 1),
        ("arach", "HP:0001166", 3),  # not yet typed out
        ("aracnod", "HP:0001166", 3),  # nor right so far
        ("stature short", "HP:0004322", 3),  # words in another order
        ("HP:0001166", "HP:0001166", 1),
        ("hp:0001166", "HP:0001166", 1),
        ("0001166", "HP:0001166", 1),
        ("1166", "HP:0001166", 1),
    ],
)
def test_what_was_meant_is_found(query: str, expected: str, within: int) -> None:
    assert expected in [hit.id for hit in search_terms(query=query)[:within]]


def test_an_alternative_or_obsolete_id_leads_to_the_term_in_use() -> None:
    replaced = Term.objects.filter(is_obsolete=True, replaced_by__startswith="HP:").first()
    assert replaced is not None
    successor = Term.objects.get(pk=replaced.replaced_by)
    if successor.is_phenotype:
        assert successor.pk in [hit.id for hit in search_terms(query=replaced.pk)]
    merged = Term.objects.exclude(alternative_ids=[]).filter(is_phenotype=True).first()
    assert merged is not None
    assert merged.pk in [hit.id for hit in search_terms(query=merged.alternative_ids[0])]


def test_only_what_a_patient_can_have_is_offered() -> None:
    assert "HP:0000006" not in [hit.id for hit in search_terms(query="autosomal dominant inheritance")]
    assert search_terms(query="HP:0000006") == []


@pytest.mark.parametrize("query", ["", " ", "a", "%", "\0", "'; DROP TABLE", "\\", "%%%%", "x" * 5000, "🦓"])
def test_odd_queries_are_answered(query: str) -> None:
    assert isinstance(search_terms(query=query), list)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=60))
def test_any_text_is_answered_with_at_most_fifteen_different_findings(query: str) -> None:
    hits = [hit.id for hit in search_terms(query=query)]
    assert len(hits) == len(set(hits)) <= 15


@pytest.mark.timed
def test_a_query_takes_at_most_50_milliseconds(knowledge: KnowledgeRelease) -> None:
    queries = [
        "ar", "ara", "arachnodactily", "short stature", "intellectual disability severe", "sei", "abnormality of the",
        "absent", "hypotonia", "muscle weakness", "elevated circulating creatine kinase", "HP:0001", "retina", "fever",
    ]  # fmt: skip
    seconds = []
    for query in queries * 3:
        began = time.perf_counter()
        search_terms(query=query)
        seconds.append(time.perf_counter() - began)
    slowest = max(zip(seconds, queries * 3, strict=True))
    assert statistics.median(seconds) < 0.05, f"median {statistics.median(seconds) * 1000:.1f} ms"
    assert slowest[0] < 0.15, slowest  # other work on the machine may hold one up


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("marfan", "OMIM:154700"),
        ("influenza", "MONDO:0005812"),
        ("ORPHA:1489", "MONDO:0005077"),
        ("marfan sindrome", "OMIM:154700"),
        ("OMIM:154700", "OMIM:154700"),
    ],
)
def test_diseases_are_found_too(query: str, expected: str) -> None:
    assert expected in [disease.pk for disease in search_diseases(query=query)]
