"""The mapping assistant: a sample is looked at by a worker, a person corrects and confirms, and the source gets it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED, JobState, only_worker
from apps.core.problems import Conflict, Denied, FieldError, InvalidInput
from apps.datasets.files import keep_upload
from apps.datasets.models import DataSource, MappingDraft, MappingProposal
from apps.datasets.reports import storable
from apps.datasets.selectors import get_draft
from apps.datasets.sources import change_source
from apps.knowledge.selectors import current_release, find_disease, get_term
from ml.data.connectors import Blob
from ml.data.profile import (
    Column,
    Layout,
    Profile,
    codes_in,
    guess,
    prefix_of,
    problems_of,
    shape_yaml,
)
from ml.data.proposals import SYNONYM, Proposal, sssom
from ml.data.snapshot import blob_of

logger = logging.getLogger(__name__)

_BATCH = 2000
_KINDS = {"findings": MappingProposal.Kind.FINDING, "diagnoses": MappingProposal.Kind.DIAGNOSIS}


@transaction.atomic
def request_draft(*, actor: Actor, source_id: UUID, upload: tuple[str, bytes]) -> MappingDraft:
    """Have a sample looked at. Raises Denied, InvalidInput and Unavailable."""
    actor.require(Capability.DATASET_WRITE)
    source = DataSource.objects.filter(pk=source_id).first()
    if source is None:
        raise Denied("mapping.request", "source", (source_id,))
    name, content = upload
    if not content:
        raise InvalidInput([FieldError("upload", "empty", _("Choose a file that is not empty."))])
    draft = MappingDraft.objects.create(
        source=source,
        requested_by_id=actor.user_id,
        upload_name=name[-255:],
        upload_hash=keep_upload(content),
    )
    record_event(actor=actor, action="source.sample", object_type="mapping", object_ids=[draft.pk, source.pk])
    return draft


def run_draft(*, draft_id: UUID) -> None:
    """Profile the sample and propose meanings. Idempotent; what somebody has confirmed stays."""
    with only_worker(draft_id) as may_work:
        draft = MappingDraft.objects.select_related("source").filter(pk=draft_id).first()
        if not may_work or draft is None or draft.state not in UNFINISHED:
            return
        draft.begin()
        try:
            _propose(draft)
        except Exception as error:
            logger.error("sample %s could not be looked at: %s", draft_id, type(error).__name__)
            draft.finish(
                error=str(error) if isinstance(error, ValueError | Conflict) else type(error).__name__
            )


def _propose(draft: MappingDraft) -> None:
    # Brings the readers of spreadsheets and all names of the knowledge, so only in a worker.
    from ml.data.assistant import look_at, names_of_knowledge
    from ml.data.proposals import propose_all

    release = current_release()
    if release is None:
        raise Conflict("No knowledge is loaded; run `manage.py load_knowledge` first.")
    draft.report(10, "reading the sample")
    sample = look_at(Blob(draft.upload_name, blob_of(settings.RAW_STORE, draft.upload_hash)))
    if not sample.n_records:
        raise ValueError(
            "No record can be read in this file: a table, a list or lines of objects was expected."
        )
    draft.profile = storable(sample.as_dict() | {"columns": [_stored(column) for column in sample.columns]})
    draft.layout = storable(draft.layout or guess(sample))
    draft.report(30, "comparing names")
    names = names_of_knowledge(Path(release.folder))
    with transaction.atomic():
        MappingProposal.objects.filter(draft=draft, is_confirmed=False).delete()
        confirmed = set(draft.proposals.values_list("kind", "code"))
        for kind, known, codes in zip(_KINDS.values(), names, codes_in(sample, draft.layout), strict=True):
            MappingProposal.objects.bulk_create(
                (
                    _row(draft, kind, found)
                    for found in propose_all(known, codes)
                    if (kind, storable(found.code)) not in confirmed
                ),
                batch_size=_BATCH,
                ignore_conflicts=True,  # codes that are the same once they can be stored
            )
        draft.finish()


def _stored(column: Column) -> dict[str, Any]:
    """What the page shows of a column; its codes stand in their own table, and its values only where they are few."""
    few = dict(list(column.values.items())[:20]) if column.kind != "text" or column.n_distinct <= 20 else {}
    return {
        "name": column.name,
        "kind": column.kind,
        "n_filled": column.n_filled,
        "n_distinct": column.n_distinct,
        "examples": column.examples,
        "values": few,
    }


def _row(draft: MappingDraft, kind: str, found: Proposal) -> MappingProposal:
    relation = MappingProposal.Relation.BROAD if found.relation == "broad" else MappingProposal.Relation.EXACT
    return MappingProposal(
        draft=draft,
        kind=kind,
        code=storable(found.code),
        n_records=found.n,
        target_id=found.id,
        target_label=found.label[:500],
        relation=relation,
        score=found.score,
        matched=found.matched[:500],
    )


@transaction.atomic
def change_layout(*, actor: Actor, draft_id: UUID, layout: Layout) -> MappingDraft:
    """Say what the columns are; the codes of other columns are then compared anew. Raises Conflict while it is read."""
    draft = _locked(actor, draft_id)
    if draft.state in UNFINISHED:
        raise Conflict(_("The sample is being looked at; wait a moment."))
    draft.layout = layout
    draft.state, draft.finished_at = JobState.PENDING, None
    draft.save(update_fields=["layout", "state", "finished_at"])
    return draft


@transaction.atomic
def decide_code(
    *, actor: Actor, draft_id: UUID, code_id: int, target_id: str, relation: str
) -> MappingProposal:
    """Confirm what a code means; "" as the target says that there is nothing. Raises Denied and InvalidInput."""
    draft = _locked(actor, draft_id)
    row = draft.proposals.filter(pk=code_id).first()
    if row is None:
        raise Denied("mapping.decide", "mapping", (draft_id,))
    label = ""
    if target_id and row.kind == MappingProposal.Kind.FINDING:
        term = _term(target_id)
        if term is None:
            raise InvalidInput([FieldError("target", "unknown", _("This is no finding of the terminology."))])
        target_id, label = term.pk, term.label
    elif target_id:
        disease = find_disease(disease_id=target_id)
        label = disease.name if disease else row.target_label if target_id == row.target_id else ""
        if not label:
            raise InvalidInput([FieldError("target", "unknown", _("This is no disease that is known here."))])
    row.target_id, row.target_label, row.relation = target_id, label[:500], relation
    row.is_confirmed = True
    row.save(update_fields=["target_id", "target_label", "relation", "is_confirmed"])
    return row


def _term(term_id: str) -> Any:
    try:
        term = get_term(term_id=term_id)
    except Denied:
        return None
    return term if term.is_phenotype and not term.is_obsolete else None


@transaction.atomic
def confirm_exact(*, actor: Actor, draft_id: UUID) -> int:
    """Confirm all proposals whose code is a label, an exact synonym or an id; their number."""
    draft = _locked(actor, draft_id)
    return (
        draft.proposals.filter(is_confirmed=False, score__gte=SYNONYM)
        .exclude(target_id="")
        .update(is_confirmed=True)
    )


@transaction.atomic
def save_mapping(*, actor: Actor, draft_id: UUID) -> DataSource:
    """Give the shape and the confirmed meanings to the source. Raises Conflict, InvalidInput, Denied."""
    draft = _locked(actor, draft_id)
    if draft.state != JobState.SUCCEEDED:
        raise Conflict(_("The sample was not looked at yet."))
    if problems := problems_of(draft.layout):
        raise Conflict(_("First say what is still open: %(what)s") % {"what": "; ".join(problems)})
    texts = texts_of(draft)
    source = change_source(
        actor=actor,
        source_id=draft.source_id,
        values={
            "shape": texts["shape"],
            "finding_mappings": texts["findings"],
            "diagnosis_mappings": texts["diagnoses"],
        },
    )
    draft.saved_at = timezone.now()
    draft.save(update_fields=["saved_at"])
    return source


def texts_of(draft: MappingDraft) -> dict[str, str]:
    """The shape and the two mapping sets as they are now; of the codes, those alone that somebody has confirmed."""
    prefix = prefix_of(draft.source.name)
    tables = {}
    for what, kind in _KINDS.items():
        rows = draft.proposals.filter(kind=kind, is_confirmed=True).order_by("-n_records", "code")
        tables[what] = (
            sssom(
                prefix,
                what,
                ((row.code, row.relation, row.target_id, row.target_label, "", 1.0) for row in rows),
            )
            if rows
            else ""
        )
    shape = shape_yaml(
        prefix,
        draft.layout,
        with_findings=bool(tables["findings"]),
        with_diagnoses=bool(tables["diagnoses"]),
    )
    return {"shape": shape, **tables}


def profile_of(draft: MappingDraft) -> Profile | None:
    """What was seen in the sample, without its codes."""
    if not draft.profile:
        return None
    stored: Mapping[str, Any] = draft.profile
    columns = tuple(Column(**column) for column in stored["columns"])
    return Profile(stored["n_records"], stored["n_unread"], columns)


def _locked(actor: Actor, draft_id: UUID) -> MappingDraft:
    draft = get_draft(actor=actor, draft_id=draft_id)
    return MappingDraft.objects.select_for_update(of=("self",)).select_related("source").get(pk=draft.pk)
