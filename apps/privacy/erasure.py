"""Erasing a patient for good (GDPR art. 17; ADR 29).

A row says what is to be erased; the worker goes through steps that may each be done again, and only the last one says
that it is done. A crash leaves the row unfinished, and the sweep takes it up:

1. the ledger outside of the database gets its entry, so that from here on a restored backup can be put right;
2. the key and all rows go in one transaction, with the counts of what was deleted;
3. files of training cases, folders of experiments and exports for research go, and models that learnt from them are
   marked;
4. nothing may be left, and the receipt is closed, with its audit event.
"""

import logging
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import SYSTEM, Actor
from apps.audit.services import record_event
from apps.cases.models import Case, Patient, PatientKey
from apps.core.capabilities import Capability
from apps.core.jobs import JobState, only_worker
from apps.core.problems import Conflict, Denied
from apps.core.tenancy import organisation_scope
from apps.datasets.files import files_with
from apps.datasets.services import withdraw_datasets
from apps.lifecycle.folders import delete_folders, experiments_with
from apps.lifecycle.selectors import models_trained_on
from apps.privacy.ledger import Entry, keep_entry, list_entries
from apps.privacy.models import Erasure
from apps.privacy.patient_rows import PROTECTED, count_rows, delete_rows, find_rows
from apps.privacy.research import exports_with, withdraw_exports
from apps.privacy.selectors import get_erasable_patient, is_held

logger = logging.getLogger(__name__)


class Held(Exception):
    """A legal hold or a restriction keeps the patient's data."""


class NotErased(Exception):
    """Something of the patient was still there after everything was deleted."""


@transaction.atomic
def erase_patient(*, actor: Actor, patient_id: UUID, reason: Erasure.Reason) -> Erasure:
    """Write an erasure down for the workers.

    Raises Denied, and Conflict while one of this patient is under way or his data are held.
    """
    actor.require(Capability.PRIVACY_ERASE)
    patient = get_erasable_patient(actor=actor, patient_id=patient_id)
    if is_held(patient_id=patient.pk):
        raise Conflict(_("The patient’s data are held: lift the legal hold or the restriction first."))
    erasure = Erasure(
        organisation_id=patient.organisation_id,
        patient_id=patient.pk,
        reason=reason,
        requested_by_id=actor.user_id,
    )
    try:
        with transaction.atomic():
            erasure.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("This patient is being erased already.")) from error
    record_event(
        actor=actor,
        action="erasure.request",
        object_type="erasure",
        object_ids=[erasure.pk],
        patient_ids=[patient.pk],
        purpose="erasure",
        details={"reason": str(reason)},
    )
    return erasure


def run_erasure(*, erasure_id: UUID) -> None:
    """Do what is left to do of an erasure. Idempotent; an error leaves it waiting for the next sweep."""
    with only_worker(erasure_id) as may_work:
        erasure = Erasure.objects.filter(pk=erasure_id).first()
        if not may_work or erasure is None or erasure.state == JobState.SUCCEEDED:
            return
        erasure.begin()
        try:
            enter_in_ledger(erasure)
        except Held:
            refuse_erasure(erasure)
            return
        except Exception as error:
            wait_for_sweep(erasure_id, error)
            return
        try:
            delete_everything(erasure)
            delete_files(erasure)
            close_receipt(erasure)
        except Exception as error:
            wait_for_sweep(erasure_id, error)


def wait_for_sweep(erasure_id: UUID, error: Exception) -> None:
    """Leave an interrupted erasure to the next sweep."""
    # Its type alone: what a database says of a row may repeat the row.
    logger.error("erasure %s was interrupted: %s", erasure_id, type(error).__name__)
    Erasure.objects.filter(pk=erasure_id).update(state=JobState.PENDING, error=type(error).__name__)


@transaction.atomic
def refuse_erasure(erasure: Erasure) -> None:
    """Close an erasure that a hold came before: nothing was deleted, and it may be asked for again."""
    erasure.finish(error=Held.__name__)
    record_event(
        actor=SYSTEM,
        action="erasure.refuse",
        object_type="erasure",
        object_ids=[erasure.pk],
        patient_ids=[erasure.patient_id],
        purpose="erasure",
    )


def enter_in_ledger(erasure: Erasure) -> None:
    """Step 1; before anything is deleted. Raises Held."""
    if erasure.ledgered_at is None:
        _pass_point_of_no_return(erasure)
    if erasure.replay_of is None:
        keep_entry(
            Entry(erasure.pk, erasure.organisation_id, erasure.patient_id, erasure.reason, erasure.created_at)
        )
    erasure.progress = 25
    erasure.save(update_fields=["progress"])


@transaction.atomic
def _pass_point_of_no_return(erasure: Erasure) -> None:
    """Before the ledger has its entry, so that no entry is of somebody whom a hold saved; then a hold is too late.

    A replay goes on whatever a backup says: a hold in it was lifted before the patient was erased.
    """
    list(Patient.objects.select_for_update(of=("self",)).filter(pk=erasure.patient_id).values("pk"))
    if erasure.replay_of is None and is_held(patient_id=erasure.patient_id):
        raise Held
    erasure.ledgered_at = timezone.now()
    erasure.save(update_fields=["ledgered_at"])


@transaction.atomic
def delete_everything(erasure: Erasure) -> None:
    """Step 2; the key first. Counted is what the database says that it deleted."""
    # In the order in which others lock; who writes to a case meanwhile waits, and then finds none.
    list(Case.objects.select_for_update(of=("self",)).filter(patient_id=erasure.patient_id).values("pk"))
    list(Patient.objects.select_for_update(of=("self",)).filter(pk=erasure.patient_id).values("pk"))
    found = find_rows(organisation_id=erasure.organisation_id, patient_id=erasure.patient_id)
    key = [rows for rows in found if rows.model is PatientKey]
    rest = [rows for rows in found if rows.model is not PatientKey and rows.table not in PROTECTED]
    n_deleted = {rows.table: delete_rows(rows) for rows in key}
    # The history is found by its case, so it goes before the cases do.
    n_deleted |= _delete_history(erasure)
    n_deleted |= {rows.table: delete_rows(rows) for rows in rest}
    for table, number in n_deleted.items():
        if number:
            erasure.rows[table] = erasure.rows.get(table, 0) + number
    erasure.progress = 50
    erasure.save(update_fields=["rows", "progress"])


def _delete_history(erasure: Erasure) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name, n_rows FROM hoofbeat_erase_history(%s)", [erasure.pk])
        return dict(cursor.fetchall())


def delete_files(erasure: Erasure) -> None:
    """Step 3; names are written down before the files go, so that a crash forgets none of them."""
    with transaction.atomic():
        paths = files_with(patient_id=erasure.patient_id)
        exports = exports_with(patient_id=erasure.patient_id)
        withdraw_datasets(patient_id=erasure.patient_id)
        withdraw_exports(exports)
        names = {*(path.name for path in paths), *(f"research-{export.pk}.zip" for export in exports)}
        names |= {
            f"experiment-{experiment_id}" for experiment_id in experiments_with(patient_id=erasure.patient_id)
        }
        erasure.files = sorted({*erasure.files, *names})
        erasure.model_numbers = models_trained_on(patient_id=erasure.patient_id)
        erasure.progress = 75
        erasure.save(update_fields=["files", "model_numbers", "progress"])
    # While a worker is at an experiment it waits for the next sweep; the worker stops at its next step.
    delete_folders(patient_id=erasure.patient_id)
    for path in paths:
        path.unlink(missing_ok=True)


def _files_left(patient_id: UUID) -> bool:
    """Whether datasets or experiments hold a case of the patient; within a transaction no new dataset will."""
    return bool(files_with(patient_id=patient_id) or experiments_with(patient_id=patient_id))


@transaction.atomic
def close_receipt(erasure: Erasure) -> None:
    """Step 4; only this one says that the patient is erased."""
    left = find_rows(organisation_id=erasure.organisation_id, patient_id=erasure.patient_id)
    files = _files_left(erasure.patient_id) or exports_with(patient_id=erasure.patient_id)
    if files or any(rows.keys for rows in left):
        raise NotErased
    erasure.finish()
    record_event(
        actor=SYSTEM,
        action="patient.erase",
        object_type="erasure",
        object_ids=[erasure.pk],
        patient_ids=[erasure.patient_id],
        purpose="erasure",
        details={
            "rows": erasure.n_rows,
            "files": len(erasure.files),
            "models": erasure.model_numbers,
            "replay_of": str(erasure.replay_of) if erasure.replay_of else None,
        },
    )


def replay_erasures() -> tuple[int, int]:
    """After a backup was restored: erase again whoever is in the ledger and is there again.

    (entries read, patients erased again). Raises LedgerFailed, and NotErased when an erasure did not get to its end.
    """
    n_entries = n_erased = 0
    for entry in list_entries():
        n_entries += 1
        with organisation_scope(entry.organisation_id):
            n_erased += _erase_again(entry)
    return n_entries, n_erased


def _erase_again(entry: Entry) -> bool:
    """Whether there was something to erase."""
    rows = find_rows(organisation_id=entry.organisation_id, patient_id=entry.patient_id)
    with transaction.atomic():
        files = _files_left(entry.patient_id)
    if not count_rows(rows) and not files:
        return False
    erasure, _is_new = Erasure.objects.get_or_create(
        organisation_id=entry.organisation_id,
        patient_id=entry.patient_id,
        state__in=[JobState.PENDING, JobState.RUNNING],
        defaults={"reason": entry.reason, "replay_of": entry.erasure_id},
    )
    run_erasure(erasure_id=erasure.pk)
    erasure.refresh_from_db()
    if erasure.state != JobState.SUCCEEDED:
        raise NotErased(f"erasure {erasure.pk}: {erasure.error or 'another process works on it'}")
    return True


@transaction.atomic
def preview_erasure(*, actor: Actor, patient_id: UUID) -> dict[str, int]:
    """Rows by table that an erasure would delete now; the look leaves a trace. Raises Denied."""
    patient = get_erasable_patient(actor=actor, patient_id=patient_id)
    rows = count_rows(find_rows(organisation_id=patient.organisation_id, patient_id=patient.pk))
    record_event(
        actor=actor,
        action="erasure.preview",
        object_type="patient",
        object_ids=[patient.pk],
        patient_ids=[patient.pk],
        purpose="erasure",
    )
    return rows


@transaction.atomic
def read_erasures(*, actor: Actor, most: int) -> list[Erasure]:
    """The newest `most` erasures of the actor's organisation; the look leaves a trace."""
    actor.require(Capability.PRIVACY_READ)
    erasures = list(Erasure.objects.filter(organisation_id=actor.scope)[:most])
    record_event(
        actor=actor,
        action="erasure.list",
        object_type="erasure",
        object_ids=[erasure.pk for erasure in erasures],
        patient_ids=sorted({erasure.patient_id for erasure in erasures}),
    )
    return erasures


@transaction.atomic
def read_receipt(*, actor: Actor, erasure_id: UUID) -> Erasure:
    """One erasure of the actor's organisation; the look leaves a trace. Raises Denied."""
    actor.require(Capability.PRIVACY_READ)
    erasure = Erasure.objects.filter(pk=erasure_id, organisation_id=actor.scope).first()
    if erasure is None:
        raise Denied("erasure.read", "erasure", (erasure_id,))
    record_event(
        actor=actor,
        action="erasure.read",
        object_type="erasure",
        object_ids=[erasure.pk],
        patient_ids=[erasure.patient_id],
    )
    return erasure
