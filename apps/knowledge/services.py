"""Loading a knowledge folder, and reading notes with it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from psycopg import sql

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.knowledge.models import Annotation, Disease, KnowledgeRelease, SearchWord, Term, TermName
from apps.knowledge.notes import ReadNote, findings_in
from apps.knowledge.selectors import current_release, names_of
from apps.knowledge.translations import forget_labels
from ml.features.graph import LOCAL_PREFIX
from ml.knowledge import Knowledge, read_knowledge
from ml.knowledge import Term as SourceTerm
from ml.knowledge.model import PHENOTYPIC_ABNORMALITY
from ml.serving import LocalFinding
from ml.text.translations import UNUSABLE_TRANSLATIONS

_BATCH = 5000
_ANALYSED = (Term, TermName, Disease, Annotation, SearchWord)
# One loading at a time, whoever starts it; any constant will do.
_LOADING_LOCK = 0x486F6F66


def load_knowledge(*, actor: Actor, folder: Path) -> tuple[KnowledgeRelease, bool]:
    """Load `folder` in one transaction: (the release, whether anything changed).

    Loading what is in use already changes nothing. Terms and diseases that a release no longer has stay, as cases and
    predictions speak of them; annotations and names are replaced. Raises ml.knowledge.KnowledgeError for a bad folder.
    """
    knowledge = read_knowledge(folder)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOADING_LOCK])
        release = current_release()
        if release is not None and release.sha256 == knowledge.manifest["sha256"]:
            return release, False
        _write_terms(knowledge)
        _write_diseases(knowledge)
        _write_annotations(knowledge)
        _write_search_words()
        release = KnowledgeRelease.objects.create(
            version=knowledge.version,
            hpo_release=knowledge.manifest["hpo_release"],
            sha256=knowledge.manifest["sha256"],
            folder=str(folder.resolve()),
            manifest=knowledge.manifest,
        )
        record_event(
            actor=actor,
            action="knowledge.load",
            object_type="knowledge",
            object_ids=[release.pk],
            details={"version": release.version},
        )
    with connection.cursor() as cursor:
        # The search is planned on what the tables hold now, not on when they were empty.
        cursor.execute(f"ANALYZE {', '.join(model._meta.db_table for model in _ANALYSED)}")
    return release, True


def _write_terms(knowledge: Knowledge) -> None:
    terms = knowledge.terms
    phenotypes = _below(PHENOTYPIC_ABNORMALITY, terms)
    Term.objects.bulk_create(
        (
            Term(
                id=term.id,
                label=term.label,
                definition=term.definition or "",
                is_phenotype=term.id in phenotypes,
                is_obsolete=term.obsolete,
                replaced_by=term.replaced_by or "",
                parents=list(term.parents),
                alternative_ids=list(term.alt_ids),
            )
            for term in terms
        ),
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[
            "label", "definition", "is_phenotype", "is_obsolete", "replaced_by", "parents", "alternative_ids",
        ],
    )  # fmt: skip
    TermName.objects.exclude(term__id__startswith=LOCAL_PREFIX).delete()
    _copy(TermName, ("term_id", "kind", "language", "text"), _names(knowledge, phenotypes))
    forget_labels()


@transaction.atomic
def offer_local_findings(*, findings: Iterable[LocalFinding]) -> None:
    """Let these be found and recorded, and no other findings that HPO lacks: those that the running model has learned.

    What was recorded of others stays, as with terms that a release of the HPO gave up.
    """
    wanted = {finding.id: finding for finding in findings}
    offered = Term.objects.filter(id__startswith=LOCAL_PREFIX, is_obsolete=False)
    names = TermName.objects.filter(term__id__startswith=LOCAL_PREFIX)
    if not wanted and not offered.exists():
        return
    offered.exclude(id__in=wanted).update(is_obsolete=True)
    names.delete()
    Term.objects.bulk_create(
        (
            Term(id=finding.id, label=finding.label, is_phenotype=True, parents=list(finding.parents))
            for finding in wanted.values()
        ),
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["label", "is_obsolete", "parents"],
    )
    TermName.objects.bulk_create(
        TermName(term_id=finding.id, kind=TermName.Kind.LABEL, text=finding.label)
        for finding in wanted.values()
    )
    _write_search_words()


def _below(root: str, terms: Iterable[SourceTerm]) -> set[str]:
    """`root` and all its descendants."""
    children: dict[str, list[str]] = {}
    for term in terms:
        for parent in term.parents:
            children.setdefault(parent, []).append(term.id)
    found, waiting = {root}, [root]
    while waiting:
        fresh = [child for child in children.get(waiting.pop(), ()) if child not in found]
        found.update(fresh)
        waiting.extend(fresh)
    return found


def _names(knowledge: Knowledge, phenotypes: set[str]) -> Iterator[tuple[Any, ...]]:
    findings = {term.id for term in knowledge.terms if term.id in phenotypes and not term.obsolete}
    for term in knowledge.terms:
        if term.id not in findings:
            continue
        yield term.id, TermName.Kind.LABEL.value, "en", term.label
        for text in sorted({synonym.text for synonym in term.synonyms} - {term.label}):
            yield term.id, TermName.Kind.SYNONYM.value, "en", text
    translated: dict[tuple[str, str], str] = {}
    for row in knowledge.translations:
        if row.term in findings and row.language != "en" and row.status not in UNUSABLE_TRANSLATIONS:
            translated.setdefault((row.term, row.language), row.label)
    for (term_id, language), label in translated.items():
        yield term_id, TermName.Kind.LABEL.value, language, label


def add_missing_diseases(*, candidates: Iterable[tuple[str, str, tuple[str, ...]]]) -> int:
    """Write those of a model's candidates (id, name, all ids) that no loaded disease means; how many there were.

    A model may rank diseases that only its cases describe, or sources that this installation has not loaded; lists and
    outcomes must be able to name them.
    """
    rows = list(candidates)
    known = names_of(disease_ids=[disease_id for disease_id, _name, _ids in rows])
    missing = [
        Disease(id=disease_id, name=name, database=disease_id.partition(":")[0], ids=list(ids))
        for disease_id, name, ids in rows
        if disease_id not in known
    ]
    Disease.objects.bulk_create(missing, batch_size=_BATCH, ignore_conflicts=True)
    return len(missing)


def _write_diseases(knowledge: Knowledge) -> None:
    Disease.objects.bulk_create(
        (
            Disease(
                id=disease.id,
                name=disease.name,
                database=disease.database,
                rarity=disease.rarity or "",
                rarity_source=disease.rarity_source or "",
                ids=list(disease.ids),
            )
            for disease in knowledge.diseases
        ),
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["name", "database", "rarity", "rarity_source", "ids"],
    )
    in_use = [disease.id for disease in knowledge.diseases]
    Disease.objects.exclude(id__in=in_use).exclude(ids=[]).update(ids=[])


def _write_annotations(knowledge: Knowledge) -> None:
    known = {term.id for term in knowledge.terms}
    Annotation.objects.all().delete()
    columns = (
        "disease_id", "term_id", "aspect", "is_negated", "frequency", "onset", "sex", "references", "evidence",
        "is_verified",
    )  # fmt: skip
    _copy(Annotation, columns, (row for row in _annotations(knowledge) if row[1] in known))


def _annotations(knowledge: Knowledge) -> Iterator[tuple[Any, ...]]:
    """Rows of all diseases, under their canonical ids."""
    canonical = {identity: disease.id for disease in knowledge.diseases for identity in disease.ids}
    for row in knowledge.annotations:
        yield (
            canonical[row.disease_id], row.hpo_id, row.aspect, row.negated, row.frequency, row.onset, row.sex,
            list(row.references), row.evidence, True,
        )  # fmt: skip
    for condition in knowledge.common:
        for finding in condition.findings:
            yield (
                canonical[condition.id], finding.hpo_id, "P", False, finding.frequency, "", "",
                list(finding.references), "", finding.verified,
            )  # fmt: skip
    described = {row.disease_id for row in knowledge.annotations}
    for disorder in knowledge.disorders:
        if disorder.id in canonical and disorder.id not in described:
            for phenotype in disorder.phenotypes:
                yield (
                    canonical[disorder.id], phenotype.hpo_id, "P", False, phenotype.frequency, "", "", [disorder.id],
                    "", True,
                )  # fmt: skip


def _copy(model: type[models.Model], columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write `rows` by COPY: hundreds of thousands of them would take inserts half a minute."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _write_search_words() -> None:
    SearchWord.objects.all().delete()
    with connection.cursor() as cursor:
        for kind, names in (
            (SearchWord.Kind.TERM, "SELECT to_tsvector('simple', text) FROM knowledge_termname"),
            (SearchWord.Kind.DISEASE, "SELECT to_tsvector('simple', name) FROM knowledge_disease"),
        ):
            cursor.execute(
                "INSERT INTO knowledge_searchword (kind, word, frequency) SELECT %s, word, ndoc FROM ts_stat(%s)",
                [kind.value, names],
            )


@transaction.atomic
def read_note(
    *,
    actor: Actor,
    text: str,
    language: str | None = None,
    case_id: UUID | None = None,
    patient_id: UUID | None = None,
) -> ReadNote:
    """The findings of a clinical note, of a case if one is named. The note is neither kept nor recorded."""
    actor.require(Capability.CASE_WRITE)
    found = findings_in(text, language)
    record_event(
        actor=actor,
        action="note.read",
        object_type="case" if case_id else "note",
        object_ids=[case_id] if case_id else [],
        patient_ids=[patient_id] if patient_id else [],
        details={"language": found.language, "findings": len(found.findings)},
    )
    return found
