"""Two people release a model, one takes it back; what answered stays known, and nothing forged ever answers."""

import http.client
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.core.problems import Conflict, Denied, Forbidden, InvalidInput, Unavailable
from apps.predictions.models import Prediction
from apps.predictions.services import Findings, predict, predict_case
from apps.registry import running
from apps.registry.gates import record_gates
from apps.registry.models import Activation, Decision, ModelVersion, Proposal
from apps.registry.releases import decide_proposal, end_canary, propose_model, roll_back, set_stop
from apps.registry.selectors import active_model as active_now
from apps.registry.selectors import current_release, previous_model, releases_at
from apps.registry.services import activate_model, register_model, sign_model
from ml.export.bundle import write_bundle
from ml.knowledge.build import build_knowledge
from ml.serving.artefact import DESCRIPTION, MANIFEST, read_bundle
from ml.training.train import train
from tests.api.conftest import BODY, PREDICTIONS
from tests.conftest import MARFAN_FINDINGS
from tests.ml.release import write_release
from tests.promises.web_server import web_server

GATES = [{"name": "accuracy", "figure": 0.31, "threshold": 0.3, "verdict": "passed", "reason": "0.31 of 641"}]
FAILED = [
    *GATES,
    {"name": "latency", "figure": 90, "threshold": 50, "verdict": "failed", "reason": "too slow"},
]
DOUBT = [
    *GATES,
    {
        "name": "subgroups",
        "figure": None,
        "threshold": 0.1,
        "verdict": "insufficient_evidence",
        "reason": "7 children",
    },
]
FINDING = "HP:0000110"
WHY = "better on the published cases"


def variant(source: Path, out: Path) -> Path:
    """Another model: the same engine under another description, so another artefact."""
    files = dict(read_bundle(source).files)
    described = json.loads(files[DESCRIPTION]) | {"note": out.name}
    files[DESCRIPTION] = (json.dumps(described) + "\n").encode()
    write_bundle(out, files, {"note": out.name})
    return out


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three diseases, which loads in no time."""
    folder = tmp_path_factory.mktemp("small")
    build_knowledge(folder / "knowledge", str(write_release(folder / "release")))
    train(folder / "small", folder / "knowledge")
    return folder / "small"


@pytest.fixture
def candidate(db: None, active_model: ModelVersion, small: Path, tmp_path: Path) -> ModelVersion:
    return register_model(actor=SYSTEM, folder=variant(small, tmp_path / "candidate"))[0]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process looks at each request which model answers, and forgets afterwards what it saw."""
    monkeypatch.setattr(running, "_SECONDS_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr(running, "_slot", running._Slot())


@pytest.fixture
def proposer(user_of: Callable[..., User], actor_of: Callable[[User], Actor]) -> Actor:
    return actor_of(user_of(Role.DATA_SCIENTIST))


@pytest.fixture
def approver(user_of: Callable[..., User], actor_of: Callable[[User], Actor]) -> Actor:
    return actor_of(user_of(Role.ADMINISTRATOR))


@pytest.fixture
def release(proposer: Actor, approver: Actor) -> Callable[..., Decision]:
    """`release(model)` lets two people release it, or begin a canary with `share`."""

    def released(model: ModelVersion, share: int = 100) -> Decision:
        record_gates(actor=SYSTEM, model=model, results=GATES)
        proposal = propose_model(actor=proposer, number=model.number, reason=WHY, share=share)
        return decide_proposal(actor=approver, proposal_id=proposal.pk, is_approved=True, reason=WHY)

    return released


def insert_decision(**row: Any) -> None:
    """Past the service: the database alone refuses."""
    Decision.objects.create(**row)
    connection.check_constraints()


def insert_activation(model: ModelVersion, **row: Any) -> None:
    """Past the service: a decision, and by it the release of another model than the one that was proposed."""
    decision = Decision.objects.create(**row)
    Activation.objects.create(
        model=model, kind="promotion", decision=decision, activated_by_id=decision.decided_by_id, reason=WHY
    )


def test_nobody_releases_a_model_alone(candidate: ModelVersion, proposer: Actor, approver: Actor) -> None:
    def propose(**changes: Any) -> Proposal:
        return propose_model(actor=proposer, number=candidate.number, **({"reason": WHY} | changes))

    with pytest.raises(InvalidInput, match="No results of the gates"):
        propose()
    record_gates(actor=SYSTEM, model=candidate, results=FAILED)
    with pytest.raises(InvalidInput, match="“latency” failed: too slow"):
        propose()
    record_gates(actor=SYSTEM, model=candidate, results=DOUBT)
    with pytest.raises(InvalidInput, match=r"too little evidence.*subgroups"):
        propose()
    with pytest.raises(InvalidInput, match="at least 10"):
        propose(accepts_doubt=True, reason="because")
    with pytest.raises(Denied):
        propose_model(actor=approver, number=candidate.number, reason=WHY, accepts_doubt=True)
    proposal = propose(accepts_doubt=True)
    with pytest.raises(Conflict, match="waits"):
        propose(accepts_doubt=True)

    before = active_now()
    answer: dict[str, Any] = {"proposal_id": proposal.pk, "is_approved": True, "reason": WHY}
    with pytest.raises(Forbidden, match="somebody else must decide"):
        decide_proposal(actor=proposer, **answer)
    row = {"proposal": proposal, "is_approved": True, "reason": WHY}
    for proposed_by, decided_by in (
        (proposer.person, proposer.person),  # the check
        (approver.person, proposer.person),  # a proposer made up: the foreign key over both columns
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            insert_decision(proposed_by_id=proposed_by, decided_by_id=decided_by, **row)
    assert active_now() == before

    with pytest.raises(IntegrityError, match="approves no such release"), transaction.atomic():
        insert_activation(before, proposed_by_id=proposer.person, decided_by_id=approver.person, **row)
    decision = decide_proposal(actor=approver, **answer)
    with pytest.raises(Conflict, match="decided already"):
        decide_proposal(actor=approver, **answer)
    assert (active_now(), decision.activation.activated_by_id) == (candidate, approver.person)
    events = AuditEvent.objects.filter(object_ids__contains=[candidate.pk]).order_by("sequence")
    assert list(events.values_list("action", flat=True)) == [
        "model.register", "model.gates", "model.gates", "model.propose", "model.approve",
    ]  # fmt: skip
    print("two people: 9 ways to release alone or without evidence, 9 refused")


def test_newer_results_of_the_gates_void_a_proposal(
    candidate: ModelVersion, proposer: Actor, approver: Actor
) -> None:
    record_gates(actor=SYSTEM, model=candidate, results=GATES)
    proposal = propose_model(actor=proposer, number=candidate.number, reason=WHY)
    record_gates(actor=SYSTEM, model=candidate, results=FAILED)
    answer: dict[str, Any] = {"actor": approver, "proposal_id": proposal.pk, "reason": WHY}
    with pytest.raises(Conflict, match="newer results"):
        decide_proposal(is_approved=True, **answer)
    assert not decide_proposal(is_approved=False, **answer).is_approved
    assert active_now() != candidate


def test_the_history_says_which_model_answered_when_on_whose_word_and_what_evidence(
    candidate: ModelVersion,
    active_model: ModelVersion,
    release: Callable[..., Decision],
    proposer: Actor,
    approver: Actor,
    page: Callable[..., Client],
    api: Any,
) -> None:
    before = timezone.now()
    decision = release(candidate)
    between = timezone.now()
    roll_back(actor=approver, number=active_model.number, reason="wrong on children")
    (held,) = releases_at(actor=proposer, moment=between)
    assert (held.model, held.decision) == (candidate, decision)
    (held,) = releases_at(actor=proposer, moment=before)
    assert (held.model, held.decision) == (active_model, None)

    assert proposer.user is not None
    asked = api(proposer.user).get("/api/v1/models/releases/", {"at": between.isoformat()}).json()["results"]
    assert [
        (row["model"]["number"], row["proposed_by"], row["activated_by"], row["gates"]) for row in asked
    ] == [(candidate.number, str(proposer.person), str(approver.person), GATES)]
    text = page(proposer.user).get(reverse("lifecycle:releases")).content.decode()
    assert "rolled back" in text
    assert "wrong on children" in text
    assert proposer.user.get_full_name() in text
    card = page(proposer.user).get(reverse("lifecycle:card", args=[candidate.number])).content.decode()
    assert "0.31 of 641" in card
    assert "approved" in card


def test_on_the_pages(
    candidate: ModelVersion, active_model: ModelVersion, page: Any, user_of: Any, at_once: None
) -> None:
    record_gates(actor=SYSTEM, model=candidate, results=GATES)
    one, other = page(user_of(Role.DATA_SCIENTIST)), page(user_of(Role.DATA_SCIENTIST))
    propose = reverse("lifecycle:propose", args=[candidate.number])
    assert "0.31 of 641" in one.get(propose).content.decode()
    assert one.post(propose, {"share": 100, "reason": "short"}).status_code == 422
    assert one.post(propose, {"share": 100, "reason": WHY}).status_code == 302
    proposal = Proposal.objects.get()
    decide = reverse("lifecycle:decide", args=[proposal.pk])
    shown = one.get(reverse("lifecycle:proposal", args=[proposal.pk])).content.decode()
    assert decide not in shown
    assert one.post(decide, {"verdict": "approve", "reason": WHY}).status_code == 403
    assert active_now() == active_model
    assert decide in other.get(reverse("lifecycle:proposal", args=[proposal.pk])).content.decode()
    assert other.post(decide, {"verdict": "approve", "reason": WHY}).status_code == 302
    assert active_now() == candidate
    back = reverse("lifecycle:roll-back")
    assert f'value="{active_model.number}"' in other.get(back).content.decode()
    form = {"number": active_model.number, "reason": "wrong on children"}
    assert other.post(back, form).status_code == 302
    assert active_now() == active_model
    assert other.post(back, form).status_code == 409


def test_a_rollback_goes_back_one_by_one_and_never_to_what_was_withdrawn(
    candidate: ModelVersion,
    active_model: ModelVersion,
    release: Callable[..., Decision],
    approver: Actor,
    tmp_path: Path,
) -> None:
    third, _ = register_model(actor=SYSTEM, folder=variant(Path(candidate.folder), tmp_path / "third"))
    release(candidate)
    release(third)
    with pytest.raises(Conflict, match="look again"):
        roll_back(actor=approver, number=active_model.number, reason="wrong on children")
    roll_back(actor=approver, number=candidate.number, reason="wrong on children")
    assert previous_model() == active_model
    roll_back(actor=approver, number=active_model.number, reason="that one, too")
    with pytest.raises(Conflict, match="no earlier model"):
        roll_back(actor=approver, number=third.number, reason="there is none")
    assert active_now() == active_model


def test_a_stop_ends_all_predictions_with_a_sentence_and_can_be_undone(
    db: None,
    clinician: User,
    case_of: Any,
    page: Any,
    api: Any,
    approver: Actor,
    active_model: ModelVersion,
    at_once: None,
) -> None:
    case, browser, program = case_of(clinician), page(clinician), api(clinician)
    address = reverse("predictions:predict", args=[case.pk])
    assert browser.post(address).status_code == 302
    set_stop(actor=approver, is_stopped=True, reason="wrong on children")
    asked = [
        browser.post(address),
        program.post(PREDICTIONS, BODY, format="json"),
        program.post(f"{PREDICTIONS}ask-next/", {"case": str(case.pk)}, format="json"),
    ]
    assert [answer.status_code for answer in asked] == [503] * 3
    assert all(b"Predictions are stopped for now" in answer.content for answer in asked)
    assert browser.get(reverse("predictions:consultation", args=[case.pk])).status_code == 200
    assert "All predictions are stopped." in browser.get(reverse("lifecycle:models")).content.decode()
    browser.cookies["django_language"] = "es"
    assert "Las predicciones están detenidas" in browser.post(address).content.decode()
    browser.cookies["django_language"] = "en"
    # A request leaves its language behind in its thread, which here is the test's.
    translation.activate("en")
    with pytest.raises(Conflict, match="stopped already"):
        set_stop(actor=approver, is_stopped=True, reason="wrong on children")
    set_stop(actor=approver, is_stopped=False, reason="it was the data")
    assert browser.post(address).status_code == 302
    assert Prediction.objects.count() == 2


def test_a_command_cannot_take_the_place_of_two_people(
    candidate: ModelVersion, active_model: ModelVersion, release: Callable[..., Decision], settings: Any
) -> None:
    with pytest.raises(CommandError, match="Two people release a model here"):
        call_command("register_model", candidate.folder, "--activate")
    assert active_now() == active_model
    # Where an update brings its model, it answers, until a person has released one.
    settings.SHIPPED_MODELS_ANSWER = True
    call_command("register_model", candidate.folder, "--activate")
    assert active_now() == candidate
    release(active_model)
    call_command("register_model", candidate.folder, "--activate")
    assert active_now() == active_model
    with pytest.raises(Conflict):
        activate_model(model=candidate)


def test_results_of_gates_come_from_a_file(candidate: ModelVersion, tmp_path: Path) -> None:
    file = tmp_path / "gates.json"
    file.write_text(json.dumps(DOUBT))
    call_command("record_gates", candidate.number, file)
    assert candidate.gate_reports.get().results == DOUBT
    for wrong in ("[]", "{}", '[{"name": "a"}]', json.dumps([GATES[0] | {"verdict": "fine"}]), "{"):
        file.write_text(wrong)
        with pytest.raises(CommandError):
            call_command("record_gates", candidate.number, file)
    assert candidate.gate_reports.count() == 1


def flip(path: Path) -> None:
    """One bit in the midst of a file."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def forge(model: ModelVersion) -> None:
    """Another model with a manifest that fits it, and the registry's row with its hash: all that needs no key."""
    folder = Path(model.folder)
    files = dict(read_bundle(folder).files)
    described = json.loads(files[DESCRIPTION]) | {"n_cases": 4711}
    files[DESCRIPTION] = json.dumps(described).encode()
    shutil.rmtree(folder)
    model.artefact_hash = write_bundle(folder, files, {})
    model.manifest = dict(read_bundle(folder).manifest.raw)
    model.save()


def test_what_was_tampered_with_never_answers(
    candidate: ModelVersion,
    active_model: ModelVersion,
    proposer: Actor,
    approver: Actor,
    tmp_path: Path,
    settings: Any,
    at_once: None,
) -> None:
    folder, kept = Path(candidate.folder), tmp_path / "kept"
    shutil.copytree(folder, kept)
    third, _ = register_model(actor=SYSTEM, folder=variant(kept, tmp_path / "third"))
    record_gates(actor=SYSTEM, model=candidate, results=GATES)
    proposal = propose_model(actor=proposer, number=candidate.number, reason=WHY)
    n_tried = 0

    def refused(why: str) -> None:
        nonlocal n_tried
        n_tried += 1
        with pytest.raises(Unavailable, match=why):
            decide_proposal(actor=approver, proposal_id=proposal.pk, is_approved=True, reason=WHY)
        assert active_now() == active_model
        assert not Activation.objects.filter(model=candidate).exists()
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)

    for name in sorted(path.name for path in kept.iterdir()):
        flip(folder / name)
        refused("cannot answer")
        (folder / name).unlink()
        refused("cannot answer")
    for name in (MANIFEST, DESCRIPTION):  # of another registered model
        shutil.copyfile(Path(third.folder) / name, folder / name)
        refused("cannot answer")
    shutil.rmtree(folder)
    shutil.copytree(third.folder, folder)
    refused("another artefact")
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"note": "checked by somebody"}))
    refused("signature is not that of its manifest")

    before = ModelVersion.objects.get(pk=candidate.pk)
    forge(candidate)
    refused("signature is not that of its manifest")
    before.save()
    # The row of another model, signature and all, under this number.
    third.delete()
    ModelVersion.objects.filter(pk=candidate.pk).update(
        folder=third.folder, artefact_hash=third.artefact_hash, signature=third.signature
    )
    refused("signature is not that of its manifest")
    before.save()
    ModelVersion.objects.filter(pk=candidate.pk).update(signature="")
    refused("never signed")
    before.save()
    settings.MODEL_KEY = "another key of at least 32 characters"
    refused("another MODEL_KEY")
    sign_model(actor=SYSTEM, model=before)
    assert decide_proposal(actor=approver, proposal_id=proposal.pk, is_approved=True, reason=WHY).is_approved
    print(f"tampering: {n_tried} ways tried, {n_tried} refused, the active model unchanged")


def test_one_that_is_tampered_with_while_it_answers_is_not_loaded_by_any_process_anew(
    candidate: ModelVersion, release: Callable[..., Decision], clinician: User, api: Any, at_once: None
) -> None:
    release(candidate)
    flip(Path(candidate.folder) / DESCRIPTION)
    answer = api(clinician).post(PREDICTIONS, BODY, format="json")
    assert answer.status_code == 503
    assert "cannot be loaded" in answer.json()["detail"]


def test_a_canary_answers_its_share_each_case_by_one_model_and_ends_at_any_time(
    candidate: ModelVersion,
    active_model: ModelVersion,
    release: Callable[..., Decision],
    approver: Actor,
    clinician: User,
    actor_of: Any,
    case_of: Any,
    at_once: None,
) -> None:
    release(candidate, share=30)
    now = current_release()
    assert (now.model, now.canary, now.share) == (active_model, candidate, 30)
    cases = [str(uuid4()) for _ in range(2000)]
    by = [running.answering_model(request=case).model for case in cases[:50]]
    assert by == [running.answering_model(request=case).model for case in cases[:50]]
    share = sum(running._percentile(candidate, case) < 30 for case in cases) / len(cases)
    assert 0.26 < share < 0.34
    actor, case = actor_of(clinician), case_of(clinician, present=[FINDING], absent=[])
    rows = [predict_case(actor=actor, case_id=case.pk) for _ in range(3)]
    assert len({row.model_hash for row in rows}) == 1
    of_requests = [
        predict(actor=actor, findings=Findings(present=[FINDING], age=f"P{age}Y")) for age in range(20, 40)
    ]
    assert {row.model for row in of_requests} == {active_model, candidate}
    assert all(row.model_hash == row.model.artefact_hash for row in (*rows, *of_requests))

    end_canary(actor=approver, reason="it has shown enough")
    with pytest.raises(Conflict, match="no canary"):
        end_canary(actor=approver, reason="it has shown enough")
    assert {running.answering_model(request=case).model for case in cases[:50]} == {active_model}
    print(f"canary: {share:.1%} of {len(cases):,} cases for a share of 30 %, each always by the same model")


def test_a_rollback_or_a_damaged_canary_leave_the_released_model_alone(
    candidate: ModelVersion,
    active_model: ModelVersion,
    release: Callable[..., Decision],
    at_once: None,
) -> None:
    release(candidate, share=99)
    flip(Path(candidate.folder) / DESCRIPTION)
    assert {running.answering_model(request=str(n)).model for n in range(20)} == {active_model}


def reproduced(prediction_id: Any, code: int) -> str:
    """What the command says, having exited with `code`."""
    if code == 0:
        call_command("reproduce", str(prediction_id))
        return ""
    with pytest.raises(CommandError) as refused:
        call_command("reproduce", str(prediction_id))
    assert refused.value.returncode == code, refused.value
    return str(refused.value)


def test_each_prediction_can_be_made_again_bit_for_bit(
    candidate: ModelVersion,
    active_model: ModelVersion,
    release: Callable[..., Decision],
    clinician: User,
    actor_of: Any,
    case_of: Any,
    capsys: pytest.CaptureFixture[str],
    at_once: None,
) -> None:
    actor = actor_of(clinician)
    case = case_of(clinician)
    made = [predict_case(actor=actor, case_id=case.pk)]
    for prior in ("literature", "prevalence", "uniform"):
        made.append(predict(actor=actor, findings=Findings(present=MARFAN_FINDINGS, sex="male"), prior=prior))
    release(candidate)
    assert active_now() == candidate
    for prediction in made:  # by a model that is retired now
        reproduced(prediction.pk, 0)
    assert capsys.readouterr().out.count("The same, bit for bit.") == len(made)
    event = AuditEvent.objects.filter(action="prediction.reproduce").order_by("sequence").first()
    assert event is not None
    assert event.patient_ids == [case.patient_id]

    reproduced(uuid4(), 1)
    first = made[0]

    def altered(**changes: Any) -> Prediction:
        copy = Prediction.objects.get(pk=first.pk)
        copy.pk = uuid4()
        for name, value in changes.items():
            setattr(copy, name, value)
        copy.save(force_insert=True)
        return copy

    ranking = [[name, probability] for name, probability in first.output["ranking"]]
    ranking[0][1] += 1e-15
    assert "ranking" in reproduced(altered(output={**first.output, "ranking": ranking}).pk, 5)
    twice = [*first.input["present"], first.input["present"][0]]
    assert "present" in reproduced(altered(input={**first.input, "present": twice}).pk, 4)
    assert "another one" in reproduced(altered(model_hash="0" * 64).pk, 3)
    ModelVersion.objects.filter(pk=active_model.pk).update(folder=candidate.folder)
    assert "cannot be loaded" in reproduced(first.pk, 3)
    print(f"reproduction: {len(made)} of {len(made)} the same bit for bit; 4 alterations, 4 told apart")


@pytest.fixture
def registry_as_before(active_model: ModelVersion, owner_cursor: psycopg.Cursor) -> Iterator[None]:
    """What a test commits to the registry goes; others share it. Set up before committed_db, so torn down after it."""
    yield
    tables = ("activation", "decision", "proposal", "gatereport")
    for table in tables:
        owner_cursor.execute(f"ALTER TABLE registry_{table} DISABLE TRIGGER USER")
        kept = "WHERE kind <> 'system'" if table == "activation" else ""
        owner_cursor.execute(f"DELETE FROM registry_{table} {kept}")
        owner_cursor.execute(f"ALTER TABLE registry_{table} ENABLE TRIGGER USER")
    owner_cursor.execute("DELETE FROM registry_modelversion WHERE id <> %s", [active_model.pk])


CHANGES, CLIENTS = 10, 3


class Load:
    """Programs that ask one prediction after the other until told to stop: (when it was asked, status, id, model)."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self.port, self.tokens = port, tokens
        self.answers: list[tuple[float, int, str, str]] = []
        self.is_over = threading.Event()

    def ask(self, token: str) -> None:
        body = json.dumps({"findings": {"present": [FINDING]}}).encode()
        headers = {
            "Authorization": f"Token {token}",
            "Content-Type": "application/json",
            "Connection": "close",
        }
        while not self.is_over.is_set():
            # Each on a connection of its own, so that it may meet any process.
            program = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            begun = time.monotonic()
            program.request("POST", PREDICTIONS, body, headers)
            answer = program.getresponse()
            content = json.loads(answer.read())
            program.close()
            model = content.get("model", {}).get("artefact_hash", "")
            self.answers.append((begun, answer.status, content.get("id", ""), model))

    def wait_for(self, artefact_hash: str) -> None:
        """Until so many answers in a row came from that model that each process has given some."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if [model for *_rest, model in self.answers[-6:]] == [artefact_hash] * 6:
                return
            time.sleep(0.02)
        raise AssertionError("the change did not arrive")


def test_every_process_serves_each_release_and_rollback_without_a_failed_request(
    registry_as_before: None,
    committed_db: None,
    small: Path,
    tmp_path: Path,
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
    clinician: User,
    token_of: Any,
) -> None:
    one, other = actor_of(user_of(Role.DATA_SCIENTIST)), actor_of(user_of(Role.DATA_SCIENTIST))

    def release(model: ModelVersion) -> ModelVersion:
        proposal = propose_model(actor=one, number=model.number, reason=WHY)
        decide_proposal(actor=other, proposal_id=proposal.pk, is_approved=True, reason=WHY)
        return model

    first, second = (
        register_model(actor=SYSTEM, folder=variant(small, tmp_path / name))[0]
        for name in ("first", "second")
    )
    for model in (first, second):
        record_gates(actor=SYSTEM, model=model, results=GATES)
    release(first)
    url = configured.APPLICATION_DATABASE_URL.rpartition("/")[0]
    environment = {
        **os.environ,
        "DATABASE_URL": f"{url}/{connection.settings_dict['NAME']}",
        "THROTTLE_RATE": "1000000/min",
    }
    with web_server(environment, workers=2) as port, ThreadPoolExecutor(CLIENTS) as threads:
        load = Load(port, [token_of(clinician)[1] for _ in range(CLIENTS)])
        working = [threads.submit(load.ask, token) for token in load.tokens]
        slowest = 0.0
        try:
            load.wait_for(first.artefact_hash)
            for number in range(CHANGES):
                now = (
                    roll_back(actor=other, number=first.number, reason="back and forth").model
                    if number % 2
                    else release(second)
                )
                changed = time.monotonic()
                load.wait_for(now.artefact_hash)
                late = [
                    begun - changed for begun, *_rest, model in load.answers if model != now.artefact_hash
                ]
                slowest = max(slowest, *late, 0.0)
        finally:
            load.is_over.set()
        for work in working:
            work.result()
    failed = [status for _begun, status, *_rest in load.answers if status != 201]
    stored = dict(Prediction.objects.values_list("pk", "model_hash"))
    mixed = [key for _begun, _status, key, model in load.answers if stored[UUID(key)] != model]
    print(
        f"{CHANGES} releases and rollbacks under load: {len(load.answers):,} requests, {len(failed)} failed, "
        f"{len(mixed)} answers that name another model than their row; the last answer of the model before was asked "
        f"for {slowest:.2f} s after a change"
    )
    assert not failed
    assert not mixed
    assert {model for *_rest, model in load.answers} == {first.artefact_hash, second.artefact_hash}
    assert slowest < 5
