"""The auditors' integrity page: what it says of sealing, of each attack, and the proofs that it hands out."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps.accounts.roles import Role
from apps.audit import verifier
from apps.audit.anchor import the_anchor
from apps.audit.models import AuditEvent, Verification
from apps.audit.sealing import anchor_blocks, seal_all, seal_block
from apps.audit.tasks import resume_pending, schedule_verification
from apps.audit.verifications import run_verification
from apps.core.jobs import JobState
from tests.promises.test_audit_sealing import ATTACKS, attack, record

__all__ = ["attack"]
PAGE = "/audit/integrity/"
SAID = {
    "edited": "Event {n} was changed after it was sealed in block",
    "inserted": "Event {n} was put into the trail past the sealing",
    "moved": "At number {n} another event stands than was sealed",
    "deleted": "Event {n}, sealed in block",
}


@pytest.fixture
def anchor_folder(settings: Any, tmp_path: Path) -> Path:
    settings.AUDIT_ANCHOR = (tmp_path / "anchor").as_uri()
    return tmp_path / "anchor"


def verify_by_page(browser: Any) -> str:
    """What the page says after its button was pressed and a worker has done the work."""
    assert browser.post(reverse("audit:verify")).status_code == 302
    run_verification(run_id=Verification.objects.latest("id").pk)
    return browser.get(PAGE).content.decode()


@pytest.mark.parametrize("name", ATTACKS)
def test_the_page_names_the_exact_event_of_each_attack(
    committed_db: None,
    anchor_folder: Path,
    attack: Callable[..., None],
    page: Any,
    user_of: Any,
    name: str,
) -> None:
    browser = page(user_of(Role.AUDITOR))
    places = record(12)
    while seal_block(most=4):
        pass
    anchor_blocks(anchor=the_anchor())
    statements, expected = ATTACKS[name]
    places.append(places[-1] + 100)  # a number that no event of this test takes
    attack(*(statement.format(*places) for statement in statements))
    text = verify_by_page(browser)
    for place, kind in expected.items():
        assert SAID[kind].format(n=places[place]) in text
    assert "The trail is not whole" in text
    run = Verification.objects.get()
    assert run.state == JobState.SUCCEEDED
    told = {finding["sequence"] for finding in run.result["findings"] if finding["kind"] in SAID}
    assert told & set(places) == {places[place] for place in expected}
    assert AuditEvent.objects.get(action="audit.verified").outcome == "failed"


def test_a_whole_trail_is_called_whole_and_progress_is_seen_meanwhile(
    committed_db: None, anchor_folder: Path, page: Any, user_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = page(user_of(Role.AUDITOR))
    record(5)
    while seal_block(most=2):
        pass
    seal_all(anchor=the_anchor())
    seen = []
    write = Verification.objects.filter

    def watch(**which: Any) -> Any:
        seen.extend(write(**which).values_list("progress", flat=True))
        return write(**which)

    monkeypatch.setattr("apps.audit.verifications.Verification.objects.filter", watch)
    text = verify_by_page(browser)
    assert "The trail is whole." in text
    assert "Sealing works." in text
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert AuditEvent.objects.latest("sequence").action == "audit.verified"


def test_only_one_verification_runs_and_a_lost_one_is_found_again(
    db: None, anchor_folder: Path, page: Any, user_of: Any, eager_celery: None
) -> None:
    browser = page(user_of(Role.AUDITOR))
    browser.post(reverse("audit:verify"))
    assert browser.post(reverse("audit:verify")).status_code == 409
    assert 'hx-trigger="every 2s"' in browser.get(PAGE).content.decode()
    schedule_verification()
    assert Verification.objects.count() == 1
    resume_pending()
    assert Verification.objects.get().state == JobState.SUCCEEDED
    schedule_verification()
    assert Verification.objects.filter(state=JobState.SUCCEEDED).count() == 2


def test_an_anchor_that_cannot_be_read_is_a_failure_and_no_finding(
    db: None, anchor_folder: Path, page: Any, user_of: Any
) -> None:
    anchor_folder.mkdir()
    (anchor_folder / "blocks.jsonl").mkdir()
    text = verify_by_page(page(user_of(Role.AUDITOR)))
    assert "The anchor cannot be read" in text
    assert "The trail is whole" not in text
    assert Verification.objects.get().state == JobState.FAILED


def test_passwords_of_the_anchor_are_not_shown(db: None, page: Any, user_of: Any, settings: Any) -> None:
    settings.AUDIT_ANCHOR = "https://user:secret@keeper.example:8443/blocks?key=secret"
    text = page(user_of(Role.AUDITOR)).get(PAGE).content.decode()
    assert "https://keeper.example:8443/blocks" in text
    assert "secret" not in text
    assert "Verify now" not in text


def test_a_sealer_that_never_came_is_seen(db: None, page: Any, user_of: Any, settings: Any) -> None:
    settings.ALERT_SEALING_SECONDS = -1
    record(1)
    assert "Nothing was ever sealed." in page(user_of(Role.AUDITOR)).get(PAGE).content.decode()


def test_an_accepted_loss_is_no_integrity(db: None, page: Any, user_of: Any) -> None:
    loss = {"first": 4, "last": 5, "n_events": 7, "accepted_at": "2026-11-24", "operator": "ops"}
    result = {
        "is_whole": False,
        "n_events": 90,
        "n_findings": 0,
        "findings": [],
        "losses": [loss | {"reason": "<b>disk</b>"}],
    }
    Verification.objects.create(state=JobState.SUCCEEDED, result=result)
    text = page(user_of(Role.AUDITOR)).get(PAGE).content.decode()
    assert "Nothing was changed, but events were lost." in text
    assert "7 events of the blocks 4 to 5, accepted 2026-11-24 by ops: &lt;b&gt;disk" in text
    assert "whole but for accepted losses" in text
    assert "The trail is whole" not in text


def _checked(folder: Path, proof: bytes, program: bytes, anchor_folder: Path) -> int:
    (folder / "proof.json").write_bytes(proof)
    (folder / "verifier.py").write_bytes(program)
    words = [sys.executable, "-I", "verifier.py", "proof.json", str(anchor_folder / "blocks.jsonl")]
    return subprocess.run(words, cwd=folder, capture_output=True).returncode


def test_one_event_is_proven_by_what_the_page_hands_out(
    db: None, anchor_folder: Path, tmp_path: Path, page: Any, user_of: Any, organisation: Any
) -> None:
    browser = page(user_of(Role.AUDITOR))
    browser.get("/audit/")
    event = AuditEvent.objects.filter(organisation_id=organisation.pk).earliest("sequence")
    proof_of = reverse("audit:proof", args=[event.id])
    assert browser.get(proof_of).status_code == 409
    seal_all(anchor=the_anchor())
    answer = browser.get(proof_of)
    program = browser.get(reverse("audit:verifier"))
    assert program.content == Path(verifier.__file__).read_bytes()
    assert _checked(tmp_path, answer.content, program.content, anchor_folder) == 0
    changed = answer.content.replace(b'"outcome": "ok"', b'"outcome": "denied"')
    assert changed != answer.content
    assert _checked(tmp_path, changed, program.content, anchor_folder) == 1
    recorded = AuditEvent.objects.latest("sequence")
    assert (recorded.action, recorded.object_ids) == ("audit.proof", [event.id])


def test_a_prediction_is_proven_from_its_page(
    db: None, anchor_folder: Path, tmp_path: Path, page: Any, clinician: Any, case_of: Any, active_model: Any
) -> None:
    browser = page(clinician)
    case = case_of(clinician)
    browser.post(reverse("predictions:predict", args=[case.pk]))
    prediction = case.predictions.get()
    proof_of = reverse("predictions:proof", args=[prediction.pk])
    assert proof_of in browser.get(reverse("predictions:detail", args=[prediction.pk])).content.decode()
    seal_all(anchor=the_anchor())
    answer = browser.get(proof_of)
    assert str(prediction.pk) in answer.json()["event"]["object_ids"]
    assert _checked(tmp_path, answer.content, Path(verifier.__file__).read_bytes(), anchor_folder) == 0
    recorded = AuditEvent.objects.latest("sequence")
    assert (recorded.action, recorded.patient_ids) == ("prediction.proof", [case.patient_id])


def test_another_organisations_event_is_not_found(
    db: None, page: Any, user_of: Any, other_organisation: Any
) -> None:
    page(user_of(Role.AUDITOR, other_organisation)).get("/audit/")
    theirs = AuditEvent.objects.filter(organisation_id=other_organisation.pk).latest("sequence")
    (nobodys,) = record(1)
    browser = page(user_of(Role.AUDITOR))
    for event in (theirs, AuditEvent.objects.get(sequence=nobodys)):
        assert browser.get(reverse("audit:proof", args=[event.id])).status_code == 404


def test_a_dead_sealer_is_seen_by_whatever_watches_the_processes(
    db: None, anchor_folder: Path, settings: Any, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    record(1)
    seal_all(anchor=the_anchor())
    call_command("seal_audit", "--check")
    assert "sealing works; 0 events wait" in capsys.readouterr().out
    assert client.get("/health/ready").json()["sealing"] is True
    settings.ALERT_SEALING_SECONDS = -1
    with pytest.raises(CommandError, match="sealing is silent"):
        call_command("seal_audit", "--check")
    seen = client.get("/health/ready").json()
    assert seen["sealing"] is False
    assert "sealing" not in seen["checks"], "clinical work goes on without"
    anchor_folder.joinpath("blocks.jsonl").unlink()
    anchor_folder.rmdir()
    anchor_folder.write_text("in the way")
    settings.ALERT_SEALING_SECONDS = 60
    with pytest.raises(CommandError, match="The anchor fails"):
        call_command("seal_audit", "--once")
    with pytest.raises(CommandError, match="sealing is failing"):
        call_command("seal_audit", "--check")
