"""A patient gets all that is held about him: what is in the archive, who may have it, and for how long."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from fhir.resources.R4B.bundle import Bundle

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.cases.models import Case, PatientKey
from apps.cases.services import change_person, record_outcome, set_finding
from apps.core.jobs import JobState
from apps.predictions.services import predict_case
from apps.privacy import archive as making
from apps.privacy.models import AccessArchive
from apps.privacy.tasks import look_after_archives
from ml.serving.phenopacket import parse_packet
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model", "eager_celery")]

NAME, NOTE, UNCERTAIN = "Aurelia Quintana-Ibáñez", "lives above the harbour", "HP:0000256"
PERSON = {"name": NAME, "identifier": "MRN-4711", "contact": "+34 600 000 000", "note": NOTE}


@pytest.fixture
def case(case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]) -> Case:
    actor = actor_of(clinician)
    case = case_of(clinician, consents={"care": True})
    change_person(actor=actor, case_id=case.pk, values=PERSON)
    set_finding(actor=actor, case_id=case.pk, term_id=UNCERTAIN, is_present=None)
    predict_case(actor=actor, case_id=case.pk)
    record_outcome(actor=actor, case_id=case.pk, disease_id=MARFAN)
    case.refresh_from_db()
    return case


@pytest.fixture
def officer(user_of: Callable[..., User]) -> User:
    return user_of(Role.PRIVACY_OFFICER)


@pytest.fixture
def browser(page: Callable[..., Client], officer: User) -> Client:
    return page(officer)


def make(browser: Client, case: Case, commit: Any) -> AccessArchive:
    with commit(execute=True):
        answer = browser.post(reverse("privacy:make-archive", args=[case.patient_id]))
    assert answer.status_code == 302
    return AccessArchive.objects.select_related("patient__key").first()  # type: ignore[return-value]


def download(browser: Client, archive: AccessArchive) -> dict[str, str]:
    answer = browser.get(reverse("privacy:archive-download", args=[archive.pk]))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        return {name: files.read(name).decode() for name in files.namelist()}


def test_it_holds_everything_in_four_forms(
    browser: Client, case: Case, django_capture_on_commit_callbacks: Any
) -> None:
    started = time.perf_counter()
    archive = make(browser, case, django_capture_on_commit_callbacks)
    seconds = time.perf_counter() - started
    files = download(browser, archive)
    data = json.loads(files["data.json"])
    print(f"archive in {seconds:.2f} s: {', '.join(f'{name} {len(text)}' for name, text in files.items())}")

    assert (data["patient"]["name"], data["patient"]["pseudonym"]) == (NAME, case.patient.pseudonym)
    assert {c["purpose"]: c["is_given"] for c in data["consents"]} == {"care": True}
    (stored,) = data["cases"]
    assert {**data["patient"], "note": stored["note"]}.items() >= PERSON.items()
    assert {f["id"]: f["state"] for f in stored["findings"]} == {
        finding.term_id: finding.state for finding in case.findings.all()
    }
    assert [outcome["disease"] for outcome in stored["outcomes"]] == [MARFAN]
    prediction = case.predictions.get()
    (listed,) = stored["predictions"]
    assert [r["disease"] for r in listed["ranking"]] == [d for d, _p in prediction.output["ranking"]]
    assert listed["model"]["artefact"] == prediction.model_hash
    assert listed["superseded_by"] is None
    about_him = AuditEvent.objects.filter(patient_ids__contains=[case.patient_id])
    assert {access["event"] for access in data["accesses"]} == {
        str(event.id) for event in about_him.exclude(action="archive.download")
    }
    assert all(access["person"] == "" for access in data["accesses"])

    bundle = Bundle.model_validate_json(files["fhir-bundle.json"])
    kinds = [entry.resource.get_resource_type() for entry in bundle.entry]
    assert (kinds.count("Patient"), kinds.count("Condition"), kinds.count("RiskAssessment")) == (1, 1, 1)
    assert kinds.count("Observation") == len(stored["findings"])

    packet = parse_packet(json.loads(files[f"phenopackets/{case.pk}.json"]))
    states = {f["id"]: f["state"] for f in stored["findings"]}
    assert set(packet.present) == {term for term, state in states.items() if state == "present"}
    assert set(packet.absent) == {term for term, state in states.items() if state == "absent"}
    assert packet.diseases == (MARFAN,)

    page = files["read-me-first.html"]
    assert all(text in page for text in (*PERSON.values(), "Marfan", "Arachnodactyly"))


def test_in_spanish_for_who_reads_spanish(
    browser: Client, case: Case, django_capture_on_commit_callbacks: Any
) -> None:
    browser.cookies["django_language"] = "es"
    page = download(browser, make(browser, case, django_capture_on_commit_callbacks))["read-me-first.html"]
    assert '<html lang="es">' in page
    assert "Sus datos" in page


def test_each_step_leaves_one_event_of_opaque_ids(
    browser: Client, case: Case, officer: User, django_capture_on_commit_callbacks: Any
) -> None:
    archive = make(browser, case, django_capture_on_commit_callbacks)
    browser.get(reverse("privacy:archive", args=[archive.pk]))
    download(browser, archive)
    events = list(AuditEvent.objects.filter(action__startswith="archive.").order_by("sequence"))
    assert [event.action for event in events] == [
        "archive.request", "archive.create", "archive.read", "archive.download",
    ]  # fmt: skip
    for event in events:
        assert (event.actor_id, event.patient_ids) == (officer.pk, [case.patient_id])
        assert NAME not in json.dumps(event.details)


def test_it_is_stored_as_ciphertext_and_goes_with_the_key(
    browser: Client, case: Case, django_capture_on_commit_callbacks: Any
) -> None:
    archive = make(browser, case, django_capture_on_commit_callbacks)
    assert b"data.json" in archive.content
    assert b"data.json" not in bytes(archive.sealed_content)
    key = PatientKey.objects.get(patient_id=case.patient_id)
    key.renew()
    key.save()
    answer = browser.get(reverse("privacy:archive-download", args=[archive.pk]))
    assert answer.status_code == 409
    assert "make another archive" in answer.content.decode()


def test_it_expires(browser: Client, case: Case, django_capture_on_commit_callbacks: Any) -> None:
    archive = make(browser, case, django_capture_on_commit_callbacks)
    assert archive.expires_at is not None
    assert timedelta(days=6, hours=23) < archive.expires_at - timezone.now() <= timedelta(days=7)
    look_after_archives()
    assert download(browser, archive)
    AccessArchive.objects.update(expires_at=timezone.now())
    assert browser.get(reverse("privacy:archive-download", args=[archive.pk])).status_code == 409
    look_after_archives()
    archive.refresh_from_db()
    assert archive.sealed_content == b""
    assert "It has expired" in browser.get(reverse("privacy:archive", args=[archive.pk])).content.decode()


def test_what_fails_says_so_and_what_was_interrupted_is_taken_up(
    browser: Client, case: Case, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(making, "pack", lambda data: 1 / 0)
        failed = make(browser, case, django_capture_on_commit_callbacks)
    assert (failed.state, failed.error, failed.sealed_content) == (JobState.FAILED, "ZeroDivisionError", b"")
    assert "could not be made" in browser.get(reverse("privacy:archive", args=[failed.pk])).content.decode()
    # A worker that was killed leaves the row as it was.
    AccessArchive.objects.update(state=JobState.RUNNING, error="")
    assert browser.post(reverse("privacy:make-archive", args=[case.patient_id])).status_code == 409
    look_after_archives()
    failed.refresh_from_db()
    assert failed.state == JobState.SUCCEEDED
    assert download(browser, failed)


def test_who_lost_the_right_meanwhile_gets_nothing(
    browser: Client, case: Case, officer: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=False):
        browser.post(reverse("privacy:make-archive", args=[case.patient_id]))
    officer.groups.clear()
    look_after_archives()
    assert [archive.state for archive in AccessArchive.objects.all()] == [JobState.FAILED]
