"""The trail can be proven: whatever is done to it behind its triggers is told, at the exact event."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction

from apps.accounts.actors import SYSTEM
from apps.audit import sealing, verifier
from apps.audit.anchor import AnchorFailed, FileAnchor, ObjectAnchor, WebhookAnchor
from apps.audit.canonical import COLUMNS
from apps.audit.models import AnchoredBlock, AuditEvent, Block, Leaf, PendingEvent, SealerState
from apps.audit.proofs import prove_prediction
from apps.audit.sealing import SealingFailed, anchor_blocks, seal_all, seal_block
from apps.audit.services import record_event
from apps.audit.verification import Report, verify_trail

TABLES = ("audit_auditevent", "audit_block", "audit_leaf", "audit_anchoredblock")


@pytest.fixture
def anchor(tmp_path: Path) -> FileAnchor:
    return FileAnchor(tmp_path / "anchor")


def verify(anchor: FileAnchor) -> Report:
    return verify_trail(anchored=anchor.blocks(), last=anchor.last())


def record(count: int) -> list[int]:
    return [
        record_event(actor=SYSTEM, action="case.read", object_ids=[uuid4()]).sequence for _ in range(count)
    ]


@pytest.fixture
def sealed(committed_db: None, anchor: FileAnchor) -> list[int]:
    """Twelve events in three anchored blocks."""
    numbers = record(12)
    for _ in range(3):
        seal_block(most=4)
    anchor_blocks(anchor=anchor)
    assert verify(anchor).is_whole
    return numbers


@pytest.fixture
def attack(owner_cursor: psycopg.Cursor) -> Callable[..., None]:
    """Runs statements as the owner of the tables with every trigger disabled."""

    def run(*statements: str) -> None:
        for table in TABLES:
            owner_cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            owner_cursor.execute(statement)  # type: ignore[call-overload]
        for table in TABLES:
            owner_cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    return run


_COPIED = ", ".join(column for column in COLUMNS if column not in {"sequence", "id"})
ATTACKS: dict[str, tuple[list[str], dict[int, str]]] = {
    # name: statements ({n} is the number of the event at place n), what is told of which place
    "edit": (["UPDATE audit_auditevent SET outcome = 'denied' WHERE sequence = {5}"], {5: "edited"}),
    "insert": (
        [
            (
                f"INSERT INTO audit_auditevent (sequence, id, {_COPIED}) SELECT {{12}}, gen_random_uuid(), "
                f"{_COPIED} FROM audit_auditevent WHERE sequence = {{5}}"
            )
        ],
        {12: "inserted"},
    ),
    "reorder": (
        [
            "UPDATE audit_auditevent SET sequence = -1 WHERE sequence = {2}",
            "UPDATE audit_auditevent SET sequence = {2} WHERE sequence = {9}",
            "UPDATE audit_auditevent SET sequence = {9} WHERE sequence = -1",
        ],
        {2: "moved", 9: "moved"},
    ),
    "delete inside": (["DELETE FROM audit_auditevent WHERE sequence = {6}"], {6: "deleted"}),
    "delete at the tail": (["DELETE FROM audit_auditevent WHERE sequence = {11}"], {11: "deleted"}),
    "delete all": (["TRUNCATE audit_auditevent"], dict.fromkeys(range(12), "deleted")),
}


def told(report: Report, places: list[int]) -> dict[int, str]:
    kinds = {"edited", "inserted", "moved", "deleted"}
    return {
        places.index(finding.sequence): finding.kind
        for finding in report.findings
        if finding.sequence is not None and finding.kind in kinds
    }


@pytest.mark.parametrize("recomputes", [False, True], ids=["events", "events, leaves and blocks"])
@pytest.mark.parametrize("name", ATTACKS)
def test_six_attacks_are_told_at_the_exact_event(
    sealed: list[int],
    anchor: FileAnchor,
    tmp_path: Path,
    attack: Callable[..., None],
    name: str,
    recomputes: bool,
) -> None:
    statements, expected = ATTACKS[name]
    places = [*sealed, sealed[-1] + 1]
    attack(*(statement.format(*places) for statement in statements))
    if recomputes:
        # A chain of its own over what is left, as sealing would have made it: only the anchor tells.
        attack("TRUNCATE audit_block, audit_leaf, audit_anchoredblock")
        attack("INSERT INTO audit_pendingevent SELECT sequence FROM audit_auditevent")
        while seal_block(most=4):
            pass
        own = FileAnchor(tmp_path / "forged")
        anchor_blocks(anchor=own)
        assert verify(own).is_whole
    report = verify(anchor)
    print(f"{name}: {told(report, places)}")
    assert told(report, places) == expected


def test_nothing_is_told_of_a_whole_trail(sealed: list[int], anchor: FileAnchor) -> None:
    record(3)
    report = verify(anchor)
    assert (report.is_whole, report.n_events, report.n_blocks, report.n_waiting) == (True, 12, 3, 3)


def test_transactions_that_end_out_of_order_are_all_sealed(committed_db: None, anchor: FileAnchor) -> None:
    with transaction.atomic():
        (first,) = record(1)
        later: list[int] = []
        thread = threading.Thread(
            target=lambda: (later.extend(record(1)), seal_all(anchor=anchor), connection.close())
        )
        thread.start()
        thread.join()
        assert first < later[0]
    seal_all(anchor=anchor)
    assert list(Leaf.objects.order_by("block").values_list("sequence", flat=True)) == [later[0], first]
    assert verify(anchor).is_whole


def test_a_failing_anchor_stops_no_work_and_is_seen(committed_db: None, tmp_path: Path) -> None:
    (tmp_path / "anchor").write_text("in the way")
    anchor = FileAnchor(tmp_path / "anchor")
    record(3)
    with pytest.raises(SealingFailed, match="The anchor fails"):
        seal_all(anchor=anchor)
    assert (Leaf.objects.count(), AnchoredBlock.objects.count()) == (3, 0)
    assert "The anchor fails" in SealerState.objects.get().error
    record(2)
    (tmp_path / "anchor").unlink()
    assert seal_all(anchor=anchor) == 2
    assert SealerState.objects.get().error == ""
    assert verify(anchor).is_whole


def test_a_rewound_database_begins_no_second_chain(
    sealed: list[int], anchor: FileAnchor, attack: Callable[..., None]
) -> None:
    attack(*(f"TRUNCATE {table}" for table in TABLES))
    record(1)
    with pytest.raises(SealingFailed, match="restored or changed"):
        seal_all(anchor=anchor)
    assert [block["number"] for block in anchor.blocks()] == [1, 2, 3]


@pytest.mark.parametrize(
    "point", ["before the block", "before the anchor", "in the line", "after the anchor"]
)
def test_kill_9_leaves_no_fork_and_no_gap(sealed: list[int], anchor: FileAnchor, point: str) -> None:
    record(5)
    connection.close()
    child = multiprocessing.get_context("fork").Process(target=_seal_and_die, args=(anchor, point))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    seal_all(anchor=anchor)
    assert [block["number"] for block in anchor.blocks()] == [1, 2, 3, 4]
    report = verify(anchor)
    assert (report.findings, report.n_events, report.n_waiting, report.n_unanchored) == ([], 17, 0, 0)


def _seal_and_die(anchor: FileAnchor, point: str) -> None:
    def die(*_: Any, **__: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    if point == "before the block":
        sealing.Leaf.objects.bulk_create = die  # type: ignore[method-assign]
    elif point == "after the anchor":
        sealing.AnchoredBlock.objects.create = die  # type: ignore[method-assign]
    else:

        def keep(block: dict[str, Any]) -> None:
            if point == "in the line":
                with anchor.path.open("ab") as file:
                    file.write(verifier.canonical(block)[:40])
            die()

        anchor.keep = keep  # type: ignore[method-assign]
    seal_all(anchor=anchor)


def _write_while_sealing(anchor: FileAnchor, n_writers: int, n_events: int) -> None:
    done = threading.Event()

    def write() -> None:
        record(n_events)
        connection.close()

    def seal() -> None:
        while not done.is_set():
            seal_all(anchor=anchor)
        connection.close()

    sealer = threading.Thread(target=seal)
    writers = [threading.Thread(target=write) for _ in range(n_writers)]
    for thread in (sealer, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    sealer.join()
    seal_all(anchor=anchor)
    report = verify(anchor)
    numbers = [block["number"] for block in anchor.blocks()]
    forks = len(numbers) - len(set(numbers))
    gaps = n_writers * n_events - report.n_events + PendingEvent.objects.count()
    print(
        f"{report.n_events:,} events by {n_writers} writers in {len(numbers)} blocks, {gaps} gaps, {forks} forks"
    )
    assert (report.findings, gaps, forks) == ([], 0, 0)
    assert AuditEvent.objects.count() == report.n_events
    assert numbers == list(range(1, Block.objects.count() + 1))


def test_many_writers_leave_no_gap_and_no_fork(committed_db: None, anchor: FileAnchor) -> None:
    _write_while_sealing(anchor, 10, 40)


@pytest.mark.slow
def test_fifty_writers_leave_no_gap_and_no_fork(committed_db: None, anchor: FileAnchor) -> None:
    _write_while_sealing(anchor, 50, 200)


def test_a_prediction_is_proven_by_one_file_alone(
    sealed: list[int], anchor: FileAnchor, tmp_path: Path
) -> None:
    prediction = uuid4()
    record_event(actor=SYSTEM, action="prediction.create", object_ids=[prediction])
    record(6)
    assert prove_prediction(prediction_id=prediction) is None
    seal_all(anchor=anchor)
    proof = prove_prediction(prediction_id=prediction)
    assert proof is not None
    assert _check(tmp_path, proof, anchor) == 0
    for change in (
        {"event": proof["event"] | {"outcome": "denied"}},
        {"index": proof["index"] + 1},
        {"path": proof["path"][1:]},
        {"block": proof["block"] | {"number": 1}},
        {"block": proof["block"] | {"sealed_at": "2020-01-01T00:00:00.000000Z"}},
    ):
        assert _check(tmp_path, proof | change, anchor) == 1, change


def _check(folder: Path, proof: dict[str, Any], anchor: FileAnchor) -> int:
    (folder / "proof.json").write_text(json.dumps(proof), encoding="utf-8")
    words = [sys.executable, "-I", verifier.__file__, str(folder / "proof.json"), str(anchor.path)]
    return subprocess.run(words, cwd=folder, capture_output=True).returncode


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_every_leaf_of_a_tree_is_proven(size: int) -> None:
    leaves = [verifier.leaf_hash(bytes([number])) for number in range(size)]
    root = verifier.merkle_root(leaves)
    for index, leaf in enumerate(leaves):
        path = verifier.inclusion_path(leaves, index)
        assert verifier.root_from_path(leaf, index, size, path) == root


def test_every_column_counts(db: None) -> None:
    assert set(COLUMNS) == {field.column for field in AuditEvent._meta.concrete_fields}


def test_blocks_are_kept_in_an_object_store(sealed: list[int], tmp_path: Path) -> None:
    store = ObjectAnchor(f"memory://{uuid4()}")
    for block in FileAnchor(tmp_path / "anchor").blocks():
        store.keep(block)
        store.keep(block)
    assert verify_trail(anchored=store.blocks(), last=store.last()).is_whole


class _Keeper(BaseHTTPRequestHandler):
    """A webhook's receiver: keeps what it is sent in the file of its server, a block a line."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.kept.open("ab") as file:  # type: ignore[attr-defined]
            file.write(body + b"\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_a_webhooks_receiver_keeps_what_proves_the_trail(
    committed_db: None, tmp_path: Path, attack: Callable[..., None]
) -> None:
    kept = FileAnchor(tmp_path / "receiver")
    kept.path.parent.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Keeper)
    server.kept = kept.path  # type: ignore[attr-defined]
    port = server.server_port
    record(3)
    server.server_close()
    with pytest.raises(SealingFailed, match="The anchor fails"):
        seal_all(anchor=WebhookAnchor(f"http://127.0.0.1:{port}/blocks"))
    server = ThreadingHTTPServer(("127.0.0.1", port), _Keeper)
    server.kept = kept.path  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        numbers = record(2)
        seal_all(anchor=WebhookAnchor(f"http://127.0.0.1:{port}/blocks"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    report = verify(kept)
    print(f"webhook: {len(list(kept.blocks()))} blocks kept by the receiver, {report.n_events} events proven")
    assert (report.is_whole, report.n_events, report.n_unanchored) == (True, 5, 0)
    attack(f"UPDATE audit_auditevent SET outcome = 'denied' WHERE sequence = {numbers[0]}")
    assert not verify(kept).is_whole


def test_an_unreachable_store_is_a_failure_of_the_anchor(tmp_path: Path) -> None:
    with pytest.raises(AnchorFailed):
        ObjectAnchor("nosuchstore://bucket").keep({"number": 1})
