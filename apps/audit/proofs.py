"""Proving that one event was sealed, to somebody who trusts the anchor and not the database.

A proof is what `verifier.py` reads; None in its place: there is no such event (of that organisation, where one is
given), or it waits to be sealed.
"""

from typing import Any
from uuid import UUID

from apps.audit.canonical import read_events
from apps.audit.models import AuditEvent, Block, Leaf
from apps.audit.verifier import HEADER, inclusion_path

Proof = dict[str, Any]


def prove_prediction(*, prediction_id: UUID, organisation_id: UUID | None = None) -> Proof | None:
    """The inclusion proof of the event that made the prediction."""
    events = AuditEvent.objects.filter(action="prediction.create", object_ids__contains=[prediction_id])
    if organisation_id is not None:
        events = events.filter(organisation_id=organisation_id)
    sequence = events.order_by("sequence").values_list("sequence", flat=True).first()
    return None if sequence is None else prove_event(sequence=sequence)


def prove_event(*, sequence: int) -> Proof | None:
    """The inclusion proof of the event with this number."""
    leaf = Leaf.objects.filter(sequence=sequence).first()
    block = Block.objects.filter(number=leaf.block).first() if leaf is not None else None
    if leaf is None or block is None:
        return None
    hashes = Leaf.objects.filter(block=leaf.block).order_by("position").values_list("hash", flat=True)
    path = inclusion_path([bytes.fromhex(digest) for digest in hashes], leaf.position)
    return {
        "event": read_events([sequence])[sequence],
        "index": leaf.position,
        "path": [node.hex() for node in path],
        "block": {name: getattr(block, name) for name in HEADER} | {"hash": block.hash},
    }
