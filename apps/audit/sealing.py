"""Sealing: waiting events become Merkle-tree blocks, chained, and anchored outside of the database.

Writers and the sealer never wait for one another: a trigger puts each event into a queue in its own transaction, and a
block takes whatever is visible there, in whatever order transactions ended. A block is committed first and anchored
afterwards; what a crash leaves without an anchor is anchored next time, and anchoring twice changes nothing (ADR 23).
Sealing writes no event of its own, which would itself have to be sealed, without end.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.audit.anchor import Anchor, AnchorFailed
from apps.audit.canonical import SELECTED, bytes_of, content_of
from apps.audit.models import AnchoredBlock, Block, Leaf, PendingEvent, SealerState
from apps.audit.verifier import FIRST, block_hash, leaf_hash, merkle_root

logger = logging.getLogger(__name__)

MOST_LEAVES = 4096
PAUSE = (
    1.0  # seconds between two looks, so that an event waits two at most, and blocks come less often than that
)
_LOCK = 0x484F4F46_5345414C  # "HOOFSEAL": of all sealers, one at a time


class SealingFailed(Exception):
    """Blocks cannot be made or anchored; events and blocks wait, and clinical work goes on."""


def seal_all(*, anchor: Anchor) -> int:
    """Seal and anchor whatever waits; returns how many events were sealed.

    Raises SealingFailed, after writing down for all to see what failed. Events are sealed even when the anchor fails.
    """
    n_sealed, error = 0, ""
    try:
        while n := seal_block():
            n_sealed += n
        anchor_blocks(anchor=anchor)
        n_lost = _pending(only_lost=True)
        if n_lost:
            error = f"{n_lost} events were changed or deleted before they were sealed, or written again after"
    except AnchorFailed as failed:
        error = f"The anchor fails: {failed}"
    _write_state(error)
    if error:
        raise SealingFailed(error)
    return n_sealed


@transaction.atomic
def seal_block(*, most: int = MOST_LEAVES) -> int:
    """Make one block of at most `most` waiting events; returns how many it holds, 0 when there is nothing to do."""
    if not _alone():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {SELECTED} FROM audit_pendingevent q JOIN audit_auditevent e USING (sequence) "  # noqa: S608
            "WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.sequence = q.sequence) "
            "ORDER BY q.sequence LIMIT %s",
            [most],
        )
        events = [content_of(row) for row in cursor.fetchall()]
    if not events:
        return 0
    head = Block.objects.order_by("-number").values("number", "hash").first() or {"number": 0, "hash": FIRST}
    hashes = [leaf_hash(bytes_of(event)) for event in events]
    header: dict[str, Any] = {
        "number": head["number"] + 1,
        "previous": head["hash"],
        "root": merkle_root(hashes).hex(),
        "size": len(hashes),
        "sealed_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    Block.objects.create(**header, hash=block_hash(header))
    Leaf.objects.bulk_create(
        Leaf(
            sequence=event["sequence"],
            event_id=event["id"],
            block=header["number"],
            position=position,
            hash=hashed.hex(),
        )
        for position, (event, hashed) in enumerate(zip(events, hashes, strict=True))
    )
    PendingEvent.objects.filter(sequence__in=[event["sequence"] for event in events]).delete()
    return len(events)


def anchor_blocks(*, anchor: Anchor) -> int:
    """Write to the anchor what is not yet there, in order; returns how many blocks. Raises AnchorFailed."""
    n_anchored = 0
    while _anchor_next(anchor):
        n_anchored += 1
    return n_anchored


@transaction.atomic
def _anchor_next(anchor: Anchor) -> bool:
    if not _alone():
        return False
    done = AnchoredBlock.objects.order_by("-number").values_list("number", flat=True).first() or 0
    block = Block.objects.filter(number=done + 1).first()
    _refuse_fork(anchor.last(), block, done)
    if block is None:
        return False
    anchor.keep(line_of(block))
    AnchoredBlock.objects.create(number=block.number)
    return True


def _refuse_fork(last: dict[str, Any] | None, block: Block | None, done: int) -> None:
    """The anchor holds one chain: a database that was rewound or rewritten must not begin a second one in it."""
    if last is None:
        return
    known = block if block is not None and last["number"] == block.number else None
    known = known or Block.objects.filter(number=last["number"]).first()
    if known is None or known.hash != last["hash"] or last["number"] not in {done, done + 1}:
        raise AnchorFailed(
            f"its last block, {last['number']}, is not the database's: the database was restored or changed. "
            "Run verify_audit; if a backup was restored, see accept_restored_audit"
        )


def line_of(block: Block) -> dict[str, Any]:
    """What is anchored of a block: its header, its hash, and [number, id, hash] of each event."""
    leaves = Leaf.objects.filter(block=block.number).order_by("position")
    return {
        "number": block.number,
        "previous": block.previous,
        "root": block.root,
        "size": block.size,
        "sealed_at": block.sealed_at,
        "hash": block.hash,
        "leaves": [
            [number, str(event_id), digest]
            for number, event_id, digest in leaves.values_list("sequence", "event_id", "hash")
        ],
    }


def _alone() -> bool:
    """Take the lock until the end of the transaction, which a killed process' connection ends, too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        (taken,) = cursor.fetchone() or (False,)
    return bool(taken)


def wait_alone() -> None:
    """Take the same lock for the rest of the transaction; waits for a sealer that holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _pending(*, only_lost: bool) -> int:
    """How many wait; `only_lost`: whose event is gone, or which are sealed already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM audit_pendingevent q "
            "LEFT JOIN audit_auditevent e USING (sequence) LEFT JOIN audit_leaf l USING (sequence) "
            "WHERE NOT %s OR e.sequence IS NULL OR l.sequence IS NOT NULL",
            [only_lost],
        )
        (count,) = cursor.fetchone() or (0,)
    return int(count)


def _write_state(error: str) -> None:
    before = SealerState.objects.values_list("error", flat=True).first() or ""
    SealerState.objects.update_or_create(
        number=1, defaults={"looked_at": timezone.now(), "error": error[:500]}
    )
    if error and error[:500] != before:
        logger.error("sealing of the audit trail fails: %s", error)
    elif before and not error:
        logger.info("sealing of the audit trail works again")


def keep_sealing(*, anchor: Anchor, pause: Callable[[float], bool]) -> None:
    """Seal until `pause`, which waits that many seconds, says that it is time to stop. Failures are tried again."""
    while True:
        with suppress(SealingFailed):
            seal_all(anchor=anchor)
        if pause(PAUSE):
            return
