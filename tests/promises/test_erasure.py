"""Nothing of an erased patient is left: in tables, Valkey and files, also after a backup from before was restored.

The database is read as text, every column of every table, as a dump would have it. Looked for are the patient's
ciphertexts, wrapped key, blind indices, his age (which stands in clear) and every opaque id of his. Ids may stay in
the audit trail and in the erasure's own row, and nowhere else.
"""

import gzip
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow
import pyarrow.parquet
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse
from psycopg import sql
from rest_framework.test import APIClient

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import Organisation, User
from apps.audit.anchor import FileAnchor
from apps.audit.models import AuditEvent
from apps.audit.sealing import seal_all
from apps.audit.verification import verify_trail
from apps.cases.models import Case, PatientKey
from apps.cases.services import change_person, record_outcome, set_unknown
from apps.core.jobs import JobState
from apps.core.problems import Conflict, Denied
from apps.datasets.models import DatasetVersion
from apps.datasets.services import snapshot_confirmed_cases
from apps.lifecycle.folders import folder_of
from apps.lifecycle.models import Experiment
from apps.lifecycle.selectors import models_due_for_retraining
from apps.predictions.models import Prediction
from apps.predictions.services import record_feedback
from apps.privacy import erasure as steps
from apps.privacy.erasure import erase_patient, preview_erasure, replay_erasures, run_erasure
from apps.privacy.models import Erasure
from apps.privacy.tasks import resume_erasures
from apps.registry.models import ModelVersion
from ml.folders import write_folder
from ml.training.holdout import split_cases
from tests.conftest import MARFAN

AGE = "P37Y5M"
KEEPS_IDS = ("audit_", "privacy_erasure")
REASON = Erasure.Reason.CONSENT_WITHDRAWN


class Stores:
    """Everywhere that something of a patient could be."""

    def __init__(self, owner: psycopg.Cursor) -> None:
        self.owner = owner

    def tables(self) -> list[str]:
        self.owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [name for (name,) in self.owner.fetchall()]

    def dump(self) -> dict[str, str]:
        """Table -> its rows as COPY writes them."""
        return {table: self._copied(table) for table in self.tables()}

    def _copied(self, table: str) -> str:
        with self.owner.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
            return b"".join(bytes(part) for part in copy).decode()

    def restore(self, backup: dict[str, str]) -> None:
        """Make each table what it was in `backup`, but for the audit trail: it goes on (ADR 23)."""
        now = self.dump()
        changed = [
            table for table in backup if backup[table] != now[table] and not table.startswith("audit_")
        ]
        for table in changed:
            self._alter(table, "DISABLE TRIGGER USER")
            # COPY into a table wants it; who restores a backup is a superuser, whom it does not bind
            self._alter(table, "NO FORCE ROW LEVEL SECURITY")
        with self.owner.connection.transaction():  # foreign keys are checked at its end
            for table in changed:
                self.owner.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                with self.owner.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                    copy.write(backup[table])
        for table in changed:
            self._alter(table, "ENABLE TRIGGER USER")
            self._alter(table, "FORCE ROW LEVEL SECURITY")

    def _alter(self, table: str, what: str) -> None:
        statement = sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(table), sql.SQL(what))
        self.owner.execute(statement)

    def valkey(self) -> str:
        texts = []
        for address in {settings.BROKER_URL, settings.CACHES["default"]["LOCATION"]}:
            client = redis.from_url(address)
            for key in client.scan_iter():
                texts += [key, client.dump(key) or b""]
        return b"\n".join(texts).decode("latin-1")

    def files(self) -> str:
        texts = []
        for folder in (settings.DATA_STORE, settings.MODEL_STORE):
            for path in folder.rglob("*") if folder.is_dir() else ():
                if path.is_file():
                    content = path.read_bytes()
                    texts.append(_plain(path, content))
        return b"\n".join(texts).decode("latin-1")


def _plain(path: Path, content: bytes) -> bytes:
    """What a file says, unpacked."""
    if path.suffix == ".parquet":
        return repr(pyarrow.parquet.read_table(path).to_pylist()).encode()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def hits(stores: Stores, canaries: dict[str, str]) -> dict[str, int]:
    """Where canaries are: place -> how often. `canaries`: text -> "secret", or "id", which may stay in the trail."""
    places = {**stores.dump(), "valkey": stores.valkey(), "files": stores.files()}
    found = {
        place: sum(
            text.count(canary)
            for canary, kind in canaries.items()
            if kind == "secret" or not place.startswith(KEEPS_IDS)
        )
        for place, text in places.items()
    }
    return {place: number for place, number in found.items() if number}


@dataclass
class Scene:
    """A patient with everything that can be had, a neighbour, and a privacy officer."""

    case: Case
    neighbour: Case
    officer: Actor
    canaries: dict[str, str]
    stores: Stores
    anchor: FileAnchor

    def erase(self) -> Erasure:
        """Ask for the erasure, and do it."""
        erasure = erase_patient(actor=self.officer, patient_id=self.case.patient_id, reason=REASON)
        run_erasure(erasure_id=erasure.pk)
        erasure.refresh_from_db()
        return erasure

    def hits(self) -> dict[str, int]:
        return hits(self.stores, self.canaries)

    def verify(self) -> None:
        seal_all(anchor=self.anchor)
        assert verify_trail(anchored=self.anchor.blocks(), last=self.anchor.last()).is_whole


@pytest.fixture
def scene(
    committed_db: None,
    owner_cursor: psycopg.Cursor,
    tmp_path: Path,
    settings: Any,
    active_model: ModelVersion,
    clinician: User,
    user_of: Callable[..., User],
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    api: Callable[..., APIClient],
) -> Scene:
    settings.DATA_STORE = tmp_path / "datasets"
    settings.ERASURE_LEDGER = (tmp_path / "erasures").as_uri()
    actor = actor_of(clinician)
    agreed = {"care": True, "training": True}
    case, neighbour = case_of(clinician, age=AGE, consents=agreed), case_of(clinician, consents=agreed)
    person = {
        "name": "Canary Name",
        "identifier": "MRN-CANARY",
        "contact": "canary@example.org",
        "note": "Sang.",
    }
    for each in (case, neighbour):
        change_person(actor=actor, case_id=each.pk, values=person)
        record_outcome(actor=actor, case_id=each.pk, disease_id=MARFAN)
        set_unknown(actor=actor, case_id=each.pk, term_id="HP:0000098")
        posted = api(clinician).post(
            "/api/v1/predictions/", {"case": str(each.pk)}, headers={"Idempotency-Key": f"key-{each.pk}"}
        )
        assert posted.status_code == 201, posted.content
        record_feedback(actor=actor, prediction_id=Prediction.objects.get(case=each).pk, disease_id=MARFAN)
    dataset = snapshot_confirmed_cases(actor=SYSTEM)
    experiment = Experiment.objects.create(model=active_model, state=JobState.SUCCEEDED)
    experiment.datasets.add(dataset)
    # As the worker keeps them: the held-out and the training cases, and what was made of them.
    write_folder(folder_of(experiment.pk) / "cases", split_cases([Path(dataset.path)]))
    features = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"case": [str(case.pk)]}), features)
    write_folder(folder_of(experiment.pk) / "comparing", {"features.parquet": features.getvalue()})
    case.refresh_from_db()
    patient = case.patient
    key = PatientKey.objects.get(patient=patient)
    prediction = Prediction.objects.get(case=case)
    sealed = (
        patient.sealed_pseudonym, patient.sealed_name, patient.sealed_identifier, patient.sealed_contact,
        patient.pseudonym_index, key.wrapped, case.sealed_note,
    )  # fmt: skip
    canaries = {bytes(box).hex(): "secret" for box in sealed} | {AGE: "secret"}
    canaries |= {str(row.pk): "id" for row in (patient, case, prediction, *prediction.feedback.all())}
    officer = actor_of(user_of("privacy_officer"))
    return Scene(case, neighbour, officer, canaries, Stores(owner_cursor), FileAnchor(tmp_path / "anchor"))


def test_nothing_is_left_and_the_receipt_tells_what_went(scene: Scene) -> None:
    scene.verify()
    preview = preview_erasure(actor=scene.officer, patient_id=scene.case.patient_id)
    before, rows_before = (
        scene.hits(),
        {table: text.count("\n") for table, text in scene.stores.dump().items()},
    )
    assert {"cases_patient", "cases_patientkey", "cases_case", "cases_finding", "predictions_prediction",
            "predictions_feedback", "datasets_datasetcase", "files"} <= before.keys()  # fmt: skip
    assert preview["core_answeredrequest"] == 1

    erasure = scene.erase()

    rows_after = {table: text.count("\n") for table, text in scene.stores.dump().items()}
    gone = {
        table: rows_before[table] - left for table, left in rows_after.items() if left < rows_before[table]
    }
    gone.pop("audit_pendingevent", None)
    assert (erasure.state, erasure.progress) == (JobState.SUCCEEDED, 100)
    assert scene.hits() == {}
    assert erasure.rows == gone == preview
    (experiment,) = Experiment.objects.all()
    names = sorted(
        name.removesuffix(str(experiment.pk)).partition(".")[2] or name[:11] for name in erasure.files
    )
    assert names == ["experiment-", "jsonl.gz", "parquet"]
    assert not folder_of(experiment.pk).exists()
    dataset = DatasetVersion.objects.get()
    assert not [path for path in Path(dataset.path).parent.iterdir() if path.is_file()]
    assert dataset.cases.get().patient_id == scene.neighbour.patient_id
    assert dataset.withdrawn_at
    assert erasure.model_numbers == sorted(models_due_for_retraining()) == [ModelVersion.objects.get().number]
    # The neighbour, who shares organisation, clinician and findings, has lost nothing.
    assert Case.objects.get().pk == scene.neighbour.pk
    assert Prediction.objects.get().feedback.count() == 1
    scene.verify()
    event = AuditEvent.objects.get(action="patient.erase")
    assert event.patient_ids == [scene.case.patient_id]
    print(
        f"{sum(before.values())} canaries in {len(before)} places before, 0 after, in {len(rows_after)} tables, Valkey "
        f"and files; receipt: {erasure.n_rows} rows of {len(erasure.rows)} tables, {len(names)} files, 1 model due"
    )


def test_a_restored_backup_is_erased_again(scene: Scene, tmp_path: Path) -> None:
    backup = scene.stores.dump()
    files = [path for path in (tmp_path / "datasets").iterdir() if path.is_file()]
    contents = {file: file.read_bytes() for file in files}
    scene.erase()
    assert scene.hits() == {}

    scene.stores.restore(backup)
    for file, content in contents.items():
        file.write_bytes(content)
    back = scene.hits()
    assert "cases_patientkey" in back
    assert "files" in back
    assert not Erasure.objects.exists()  # the backup knows nothing of the erasure

    call_command("replay_erasures")
    assert scene.hits() == {}
    assert replay_erasures() == (1, 0)
    assert Erasure.objects.get().replay_of is not None
    scene.verify()
    print(
        f"{sum(back.values())} canaries after the restore, 0 after the replay; a second replay: nothing to do"
    )


def test_it_waits_for_a_worker_that_is_at_an_experiment_with_the_patient(scene: Scene) -> None:
    experiment = Experiment.objects.get()
    key = experiment.pk.int & ((1 << 63) - 1)
    scene.stores.owner.execute("SELECT pg_advisory_lock(%s)", [key])  # as the worker's session holds it
    erasure = scene.erase()
    assert (erasure.state, erasure.error) == (JobState.PENDING, "StillAtWork")
    assert DatasetVersion.objects.get().withdrawn_at  # by which the worker stops
    scene.stores.owner.execute("SELECT pg_advisory_unlock(%s)", [key])
    run_erasure(erasure_id=erasure.pk)
    erasure.refresh_from_db()
    assert erasure.state == JobState.SUCCEEDED
    assert not folder_of(experiment.pk).exists()
    assert scene.hits() == {}


class Crash(BaseException):
    """What no handler catches, as when a process is killed."""


STEPS = (
    "enter_in_ledger", "keep_entry", "find_rows", "delete_rows", "_delete_history", "delete_everything", "files_with",
    "withdraw_datasets", "models_trained_on", "delete_folders", "delete_files", "record_event",
)  # fmt: skip


@pytest.mark.parametrize("error", [Crash, OSError])
def test_a_crash_after_any_step_is_never_done_and_resumes(
    scene: Scene, error: type[BaseException], eager_celery: None
) -> None:
    """Crash after each step in turn, in one erasure: each resumption gets further, and nothing is counted twice."""
    preview = preview_erasure(actor=scene.officer, patient_id=scene.case.patient_id)
    erasure = erase_patient(actor=scene.officer, patient_id=scene.case.patient_id, reason=REASON)
    for step in STEPS:
        real = getattr(steps, step)

        def crashing(*args: Any, real: Any = real, **kwargs: Any) -> Any:
            real(*args, **kwargs)
            raise error

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(steps, step, crashing)
            with suppress(Crash):
                run_erasure(erasure_id=erasure.pk)
        erasure.refresh_from_db()
        assert erasure.state in {JobState.PENDING, JobState.RUNNING}, step
        assert not AuditEvent.objects.filter(action="patient.erase").exists()
    resume_erasures()
    erasure.refresh_from_db()
    assert erasure.state == JobState.SUCCEEDED
    assert (erasure.rows, len(erasure.files)) == (preview, 3)
    assert scene.hits() == {}
    assert AuditEvent.objects.filter(action="patient.erase").count() == 1
    print(f"{len(STEPS)} crashes ({error.__name__}): never done, and done at the resumption")


def test_without_a_ledger_nothing_is_erased(scene: Scene, tmp_path: Path, settings: Any) -> None:
    (tmp_path / "in-the-way").write_text("")
    settings.ERASURE_LEDGER = (tmp_path / "in-the-way").as_uri()
    before = scene.hits()
    erasure = scene.erase()
    assert (erasure.state, erasure.error) == (JobState.PENDING, "LedgerFailed")
    assert {**scene.hits()} == before
    with pytest.raises(Conflict):
        erase_patient(actor=scene.officer, patient_id=scene.case.patient_id, reason=REASON)


def test_a_damaged_ledger_is_said(scene: Scene, tmp_path: Path) -> None:
    scene.erase()
    next((tmp_path / "erasures").iterdir()).write_text("{")
    with pytest.raises(CommandError, match="LedgerFailed"):
        call_command("replay_erasures")


def test_the_scan_sees_valkey(scene: Scene) -> None:
    cache.set("planted", str(scene.case.pk))
    assert scene.hits()["valkey"] == 1


def test_the_door_opens_for_an_erasure_under_way_alone(scene: Scene) -> None:
    erasure = erase_patient(actor=scene.officer, patient_id=scene.case.patient_id, reason=REASON)
    with (
        pytest.raises(ProgrammingError, match="not under way"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT * FROM hoofbeat_erase_history(%s)", [erasure.pk])


def test_nobody_else_and_nobody_elsewhere(
    scene: Scene,
    other_organisation: Organisation,
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
) -> None:
    others = [user_of(role) for role in ("clinician", "administrator", "auditor", "data_scientist")]
    others.append(user_of("privacy_officer", organisation=other_organisation))
    for user in others:
        with pytest.raises(Denied):
            erase_patient(actor=actor_of(user), patient_id=scene.case.patient_id, reason=REASON)
        with pytest.raises(Denied):
            preview_erasure(actor=actor_of(user), patient_id=scene.case.patient_id)
    assert not Erasure.objects.exists()


def test_the_officer_finds_previews_confirms_and_gets_the_receipt(
    scene: Scene, page: Callable[..., Client], eager_celery: None
) -> None:
    browser = page(scene.officer.account())
    pseudonym = scene.case.patient.pseudonym
    assert browser.post(reverse("privacy:erasures"), {"text": "nobody"}).status_code == 422
    address = browser.post(reverse("privacy:erasures"), {"text": pseudonym}).url
    assert address == reverse("privacy:erase", args=[scene.case.patient_id])
    assert "predictions_prediction" in browser.get(address).content.decode()
    assert browser.post(address, {"reason": REASON}).status_code == 422
    assert Case.objects.count() == 2
    answer = browser.post(address, {"reason": REASON, "confirmed": "on"})
    text = browser.get(answer.url).content.decode()
    assert "cases_patientkey" in text
    assert "is not erased yet" not in text
    assert scene.hits() == {}
    assert browser.get(address).status_code == 404
