"""A restored backup is accepted in words that stay: what is lost is named as lost for ever, and hides nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.audit.acceptance import NothingToAccept, accept_restored, find_lost
from apps.audit.anchor import AnchorFailed, FileAnchor
from apps.audit.models import AuditEvent, Block, PendingEvent
from apps.audit.proofs import prove_event
from apps.audit.sealing import SealingFailed, anchor_blocks, seal_all, seal_block
from apps.audit.verifier import check
from tests.promises.test_audit_sealing import TABLES, anchor, attack, record, sealed, told, verify

__all__ = ["anchor", "attack", "sealed"]


@pytest.fixture
def backup(owner_cursor: psycopg.Cursor, attack: Callable[..., None]) -> Any:
    """Takes a copy of the trail's tables when called; what it returns puts the copy back."""
    tables = [*TABLES, "audit_pendingevent"]

    def take() -> Callable[[], None]:
        for table in tables:
            owner_cursor.execute(f"CREATE TABLE backup_{table} AS SELECT * FROM {table}")

        def restore() -> None:
            for table in tables:
                attack(f"TRUNCATE {table}", f"INSERT INTO {table} SELECT * FROM backup_{table}")

        return restore

    yield take
    for table in tables:
        owner_cursor.execute(f"DROP TABLE IF EXISTS backup_{table}")


@pytest.fixture
def restored(sealed: list[int], anchor: FileAnchor, backup: Any) -> list[int]:
    """Of twelve sealed events and two that waited at the backup, five that came later are lost; one is new."""
    waited = record(2)
    restore = backup()
    lost = record(5)
    seal_block(most=4)
    seal_block(most=4)
    anchor_blocks(anchor=anchor)
    assert verify(anchor).is_whole
    restore()
    with connection.cursor() as cursor:
        # As in a restored database, numbers are given out again.
        cursor.execute("SELECT max(sequence) FROM audit_auditevent")
        (last,) = cursor.fetchone() or (0,)
        assert last == waited[-1]
    return [*sealed, *waited, *lost]


def number_anew(owner_cursor: psycopg.Cursor, number: int) -> None:
    owner_cursor.execute(
        "SELECT setval(pg_get_serial_sequence('audit_auditevent', 'sequence'), %s, false)", [number]
    )


def accept(anchor: FileAnchor) -> Any:
    return accept_restored(anchor=anchor, anchored=anchor.blocks(), reason="disk failed", operator="ops")


def test_a_restored_backup_is_told_accepted_and_told_for_ever(
    restored: list[int], anchor: FileAnchor, owner_cursor: psycopg.Cursor
) -> None:
    number_anew(owner_cursor, restored[14])
    record(1)
    with pytest.raises(SealingFailed, match="accept_restored_audit"):
        seal_all(anchor=anchor)
    assert verify(anchor).n_findings > 0
    lost = accept(anchor)
    assert (lost.first, lost.last, lost.n_events) == (4, 5, 7)
    seal_all(anchor=anchor)
    record(3)
    seal_all(anchor=anchor)
    report = verify(anchor)
    print(f"{report.losses[0].n_events} events lost and said so, {report.n_findings} findings")
    assert report.findings == []
    assert not report.is_whole
    loss = report.losses[0]
    assert (loss.block, loss.first, loss.last, loss.n_events) == (6, 4, 5, 5)
    assert (loss.operator, loss.reason) == ("ops", "disk failed")
    assert PendingEvent.objects.count() == 0
    # Twelve of before, two that had waited, one from before the acceptance and its own event, three of after.
    assert report.n_events == AuditEvent.objects.count() == 12 + 2 + 1 + 1 + 3
    assert [block["number"] for block in anchor.blocks()] == list(
        range(1, Block.objects.latest("number").number + 1)
    )


def test_a_block_of_the_backup_of_which_the_anchor_knew_more_is_kept(
    restored: list[int], anchor: FileAnchor, attack: Callable[..., None]
) -> None:
    # Anchored in the moment of the backup: the block is in it, and that it was anchored is not.
    attack("DELETE FROM audit_anchoredblock WHERE number = 3")
    assert accept(anchor).first == 4
    seal_all(anchor=anchor)
    report = verify(anchor)
    assert (report.findings, report.losses[0].n_events) == ([], 5)


def test_acceptance_hides_no_attack(
    restored: list[int], anchor: FileAnchor, attack: Callable[..., None]
) -> None:
    accept(anchor)
    seal_all(anchor=anchor)
    attack(
        f"DELETE FROM audit_auditevent WHERE sequence = {restored[3]}",
        # This one had waited at the backup: it is in a lost block, and in one of after.
        f"UPDATE audit_auditevent SET outcome = 'denied' WHERE sequence = {restored[12]}",
    )
    report = verify(anchor)
    assert told(report, restored) == {3: "deleted", 12: "edited"}
    assert len(report.losses) == 1


def test_proofs_hold_before_and_after(restored: list[int], anchor: FileAnchor) -> None:
    accept(anchor)
    (new,) = record(1)
    seal_all(anchor=anchor)
    for sequence in (restored[0], new):
        proof = prove_event(sequence=sequence)
        assert proof is not None
        assert check(proof, anchor.blocks()) == ""


def test_the_word_of_acceptance_cannot_be_changed(restored: list[int], anchor: FileAnchor) -> None:
    accept(anchor)
    seal_all(anchor=anchor)
    text = anchor.path.read_text(encoding="utf-8")
    anchor.path.write_text(text.replace("disk failed", "all is well"), encoding="utf-8")
    assert {(finding.kind, finding.block) for finding in verify(anchor).findings} == {("anchor", 6)}


def test_a_whole_or_an_attacked_trail_is_not_accepted(
    sealed: list[int], anchor: FileAnchor, attack: Callable[..., None]
) -> None:
    before = anchor.path.read_bytes()
    with pytest.raises(NothingToAccept, match="holds no block that the database lacks"):
        accept(anchor)
    attack("UPDATE audit_block SET hash = root WHERE number = 2")
    with pytest.raises(NothingToAccept, match="changed and not restored"):
        accept(anchor)
    assert anchor.path.read_bytes() == before


def test_a_failing_anchor_accepts_nothing_and_a_second_word_after_a_crash_is_taken(
    restored: list[int], anchor: FileAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_block: Any) -> None:
        raise AnchorFailed("full")

    with monkeypatch.context() as patched:
        patched.setattr(anchor, "keep", fail)
        with pytest.raises(AnchorFailed):
            accept(anchor)
    assert not Block.objects.filter(number__gt=3).exists()
    keep = anchor.keep

    def keep_and_crash(block: Any) -> None:
        keep(block)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(anchor, "keep", keep_and_crash)
        with pytest.raises(KeyboardInterrupt):
            accept(anchor)
    assert accept(anchor).last == 6
    seal_all(anchor=anchor)
    report = verify(anchor)
    assert report.findings == []
    assert sum(loss.n_events for loss in report.losses) == 5


def test_the_commands_say_what_is_lost(
    restored: list[int], anchor: FileAnchor, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.AUDIT_ANCHOR = anchor.path.parent.as_uri()
    with pytest.raises(CommandError, match="Say why"):
        call_command("accept_restored_audit", "--reason", " ")
    call_command("accept_restored_audit", "--reason", "disk failed", "--dry-run")
    assert find_lost(anchored=anchor.blocks()).first == 4
    call_command("accept_restored_audit", "--reason", "disk failed", "--operator", "ops")
    call_command("seal_audit", "--once")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit")
    assert ended.value.code == 3
    said = capsys.readouterr().out
    assert "accepted loss: 5 events of the blocks 4 to 5" in said
    assert "by ops: disk failed" in said
    with pytest.raises(SystemExit):
        call_command("verify_audit", "--json")
    assert json.loads(capsys.readouterr().out)["is_whole"] is False
    assert Path(anchor.path).exists()
