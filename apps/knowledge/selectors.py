"""Looking terms and diseases up. Knowledge is the same for everyone, so no actor restricts it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Case, Q, QuerySet, When

from apps.core.problems import Denied
from apps.knowledge.models import Annotation, Disease, KnowledgeRelease, SearchWord, Term
from apps.knowledge.search import tsquery, words_of

SEARCH_LIMIT = 15
_MIN_QUERY = 2
_ID = re.compile(r"\s*(?:hp[:_ ]?)?(\d{1,7})\s*", re.IGNORECASE)
_TERMS_SQL = """
WITH hit AS (
    SELECT term_id, text, kind, language,
           (lower(text) = %(query)s)::int * 2.0
           + starts_with(lower(text), %(query)s)::int * 0.5
           + similarity(%(query)s, lower(text))
           + (kind = 'label')::int * 0.1 AS score
    FROM knowledge_termname
    WHERE to_tsvector('simple'::regconfig, COALESCE(text, '')) @@ to_tsquery('simple', %(tsquery)s)
), best AS (
    SELECT DISTINCT ON (term_id) * FROM hit ORDER BY term_id, score DESC, text
)
SELECT best.term_id, term.label, best.text, best.kind, best.language, term.definition
FROM best JOIN knowledge_term term ON term.id = best.term_id
ORDER BY best.score DESC, length(best.text), term.label LIMIT %(limit)s
"""

_DISEASES_SQL = """
SELECT id FROM knowledge_disease
WHERE ids <> '{}' AND to_tsvector('simple'::regconfig, COALESCE(name, '')) @@ to_tsquery('simple', %(tsquery)s)
ORDER BY starts_with(lower(name), %(query)s) DESC, similarity(%(query)s, lower(name)) DESC, name
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class TermHit:
    """A term that matches a search, and the name (`text`) through which it did."""

    id: str
    label: str
    text: str
    kind: str
    language: str
    definition: str


def current_release() -> KnowledgeRelease | None:
    """The release in use, or None before the first `load_knowledge`."""
    return KnowledgeRelease.objects.order_by("-created_at").first()


def search_terms(*, query: str, limit: int = SEARCH_LIMIT) -> list[TermHit]:
    """Findings whose label, synonym or id matches `query`, best first; typing errors are forgiven."""
    query = _normalise(query)
    if match := _ID.fullmatch(query):
        return _terms_by_id(match.group(1), limit)
    if len(query) < _MIN_QUERY:
        return []
    return [TermHit(*row) for row in _search(SearchWord.Kind.TERM, _TERMS_SQL, query, limit)]


def _terms_by_id(digits: str, limit: int) -> list[TermHit]:
    """Terms whose id begins with `digits`, or is `digits` with leading zeros; alternative and obsolete ids lead on."""
    full = f"HP:{digits.zfill(7)}"
    replaced = Term.objects.filter(id=full).exclude(replaced_by="").values_list("replaced_by", flat=True)
    exact = Q(id=full) | Q(alternative_ids__contains=[full]) | Q(id__in=list(replaced))
    terms = Term.objects.filter(
        exact | Q(id__startswith=f"HP:{digits}"), is_phenotype=True, is_obsolete=False
    )
    hits = sorted(terms.order_by("id")[: limit * 4], key=lambda term: (term.id != full, term.id))
    return [TermHit(t.id, t.label, t.id, "id", "", t.definition) for t in hits[:limit]]


def _normalise(query: str) -> str:
    return " ".join(query.replace("\0", "").lower().split())[:200]


def _search(kind: SearchWord.Kind, sql: str, query: str, limit: int) -> list[Any]:
    """Rows that hold every word; when there are none, rows that hold any."""
    for text in tsquery(kind, words_of(query)):
        if text:
            with connection.cursor() as cursor:
                cursor.execute(sql, {"query": query, "tsquery": text, "limit": limit})
                if rows := cursor.fetchall():
                    return rows
    return []


def search_diseases(*, query: str, limit: int = SEARCH_LIMIT) -> list[Disease]:
    """Diseases whose name or id matches `query`, best first."""
    query = _normalise(query)
    if len(query) < _MIN_QUERY:
        return []
    named = Q(id__istartswith=query) | Q(ids__contains=[query.upper()])
    exact = Case(When(ids__contains=[query.upper()], then=0), default=1)
    by_id = list(Disease.objects.filter(named).exclude(ids=[]).order_by(exact, "id")[:limit])
    if by_id:
        return by_id
    ids = [row[0] for row in _search(SearchWord.Kind.DISEASE, _DISEASES_SQL, query, limit)]
    found = Disease.objects.in_bulk(ids)
    return [found[identifier] for identifier in ids]


def resolve_terms(*, term_ids: Iterable[str]) -> dict[str, Term]:
    """The finding that each id stands for today: itself, or what took its place. Ids that lead to none are left out."""
    asked = list(set(term_ids))
    if not asked:
        return {}
    named = Q(id__in=asked) | Q(alternative_ids__overlap=asked)
    found = {term.id: term for term in Term.objects.filter(named)}
    successors = {term.replaced_by for term in found.values() if term.is_obsolete and term.replaced_by}
    found |= Term.objects.in_bulk(list(successors - found.keys())) if successors - found.keys() else {}
    by_alternative = {old: term for term in found.values() for old in term.alternative_ids}
    resolved = {}
    for term_id in asked:
        term = found.get(term_id) or by_alternative.get(term_id)
        if term is not None and term.is_obsolete:
            term = found.get(term.replaced_by)
        if term is not None and term.is_phenotype and not term.is_obsolete:
            resolved[term_id] = term
    return resolved


def get_term(*, term_id: str) -> Term:
    """One term by its id or one of its alternative ids; raises Denied (not found) for an unknown one."""
    terms = Term.objects.filter(Q(id=term_id) | Q(alternative_ids__contains=[term_id]))
    # An id may name an obsolete term and be an alternative of a live one; the term of that id was asked for.
    term = max(terms, key=lambda term: term.id == term_id, default=None)
    if term is None:
        raise Denied("term.read", "term")
    return term


def find_disease(*, disease_id: str) -> Disease | None:
    """The disease that an id of OMIM, Orphanet, DECIPHER, MONDO or ICD-10 means; None when it means none."""
    if "\0" in disease_id:
        return None
    found = Disease.objects.filter(Q(id=disease_id) | Q(ids__contains=[disease_id]))
    # an id that was merged into another disease has kept a row of its own for what was stored before
    return max(found, key=lambda row: bool(row.ids), default=None)


def get_disease(*, disease_id: str) -> Disease:
    """One disease by any id that means it; raises Denied (not found) for an unknown one."""
    disease = find_disease(disease_id=disease_id)
    if disease is None:
        raise Denied("disease.read", "disease")
    return disease


def list_annotations(*, disease: Disease) -> QuerySet[Annotation]:
    """The findings of `disease` with frequency and references, by label."""
    return disease.annotations.filter(aspect="P").select_related("term").order_by("is_negated", "term__label")


def labels_of(*, term_ids: list[str]) -> dict[str, str]:
    """Label by term id, for those that are known."""
    return dict(Term.objects.filter(id__in=term_ids).values_list("id", "label"))


def names_of(*, disease_ids: list[str]) -> dict[str, Disease]:
    """Disease by any id that means it, for those that are known."""
    found = Disease.objects.in_bulk(disease_ids)
    if unknown := set(disease_ids) - found.keys():
        for disease in Disease.objects.filter(ids__overlap=list(unknown)):
            found |= dict.fromkeys(unknown.intersection(disease.ids), disease)
    return found
