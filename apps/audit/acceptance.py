"""Accepting that a backup was restored: what was sealed after it is lost, and stays visible as lost for ever.

The anchor still names the blocks that the database no longer has. Nobody can bring them back, and sealing stops until a
person says so (ADR 23, ADR 32). His word becomes a block of the chain, after the last that was anchored: it holds no
events but a statement in their place, whose hash is the block's root. From there on the chain continues.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from apps.audit.anchor import Anchor
from apps.audit.models import AnchoredBlock, Block
from apps.audit.origin import Nobody
from apps.audit.sealing import wait_alone
from apps.audit.services import record_event
from apps.audit.verifier import block_hash, canonical, leaf_hash


class NothingToAccept(Exception):
    """The database is not one that was restored from a backup."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The blocks `first` to `last` of the anchor, which the database lacks, and how many events they name."""

    first: int
    last: int
    last_hash: str
    n_events: int


def find_lost(*, anchored: Iterable[dict[str, Any]]) -> Lost:
    """Where the database ends and the anchor goes on. Raises NothingToAccept: nowhere, or no backup explains it."""
    hashes = dict(Block.objects.values_list("number", "hash"))
    first, last, last_hash, n_events = 0, 0, "", 0
    for line in anchored:
        if not first and hashes.get(line["number"]) == line["hash"]:
            continue
        first = first or line["number"]
        if line["hash"] == last_hash:
            continue  # twice, as a crash may leave it
        last, last_hash = line["number"], line["hash"]
        n_events += len(line["leaves"])
    if not first:
        raise NothingToAccept("The anchor holds no block that the database lacks. Run verify_audit.")
    if _last_anchored() >= first:
        raise NothingToAccept(
            f"The database says that block {first} was anchored, and the anchor has another one or none: it was "
            "changed and not restored. Run verify_audit, and keep both as they are."
        )
    return Lost(first, last, last_hash, n_events)


def _last_anchored() -> int:
    return AnchoredBlock.objects.order_by("-number").values_list("number", flat=True).first() or 0


@transaction.atomic
def accept_restored(
    *, anchor: Anchor, anchored: Iterable[dict[str, Any]], reason: str, operator: str
) -> Lost:
    """Write into the anchor that a backup was restored, and let the chain continue after it; returns what is lost.

    `anchored` are the anchor's blocks; `reason` and `operator` are kept for ever, so they name no patient. Blocks that
    were sealed since and could not be anchored are undone, and their events wait again. Raises NothingToAccept, and
    AnchorFailed, which leaves everything as it was.
    """
    wait_alone()
    lost = find_lost(anchored=anchored)
    known = _last_anchored()
    # In the anchor they are; that this was noted is younger than the backup.
    AnchoredBlock.objects.bulk_create(AnchoredBlock(number=number) for number in range(known + 1, lost.first))
    with connection.cursor() as cursor:
        cursor.execute("SELECT hoofbeat_forget_blocks()")
    statement: dict[str, Any] = {
        "first": lost.first,
        "last": lost.last,
        "n_events": lost.n_events,
        "operator": operator,
        "reason": reason,
    }
    header: dict[str, Any] = {
        "number": lost.last + 1,
        "previous": lost.last_hash,
        "root": leaf_hash(canonical(statement)).hex(),
        "size": 0,
        "sealed_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    header["hash"] = block_hash(header)
    Block.objects.create(**header)
    record_event(
        actor=Nobody(None),
        action="audit.accept_restored",
        object_type="audit",
        details={
            "block": header["number"],
            "first": lost.first,
            "last": lost.last,
            "n_events": lost.n_events,
        },
    )
    AnchoredBlock.objects.create(number=header["number"])
    # Last, so that only a crash within the commit can leave the word in the anchor alone; it is then given again.
    anchor.keep({**header, "leaves": [], "acceptance": statement})
    return lost
