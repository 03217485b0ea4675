"""Events as bytes to be hashed: canonical JSON of every column, as the database itself writes it."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from apps.audit.verifier import canonical

# A column that is null is left out, so a nullable column that comes later changes no hash of before; one that is not
# null never may. Values are PostgreSQL's own text (of `details`, too, whose numbers Python would round), so that any
# change of a stored value changes the bytes. Times are UTC with microseconds.
COLUMNS = {
    "sequence": "{e}.sequence",
    "id": "{e}.id::text",
    "occurred_at": """to_char({e}.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "organisation_id": "{e}.organisation_id::text",
    "actor_id": "{e}.actor_id::text",
    "roles": "{e}.roles::text[]",
    "token_id": "{e}.token_id::text",
    "action": "{e}.action",
    "outcome": "{e}.outcome",
    "object_type": "{e}.object_type",
    "object_ids": "{e}.object_ids::text[]",
    "patient_ids": "{e}.patient_ids::text[]",
    "address": "{e}.address::text",
    "request_id": "{e}.request_id",
    "purpose": "{e}.purpose",
    "details": "{e}.details::text",
}
SELECTED = ", ".join(column.format(e="e") for column in COLUMNS.values())


def content_of(row: Sequence[Any]) -> dict[str, Any]:
    """The event that a row of `SELECTED` is."""
    return {name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None}


def read_events(sequences: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The events of these numbers that exist, by number."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {SELECTED} FROM audit_auditevent e WHERE e.sequence = ANY(%s)",  # noqa: S608 - constants
            [list(sequences)],
        )
        return {row[0]: content_of(row) for row in cursor.fetchall()}


def bytes_of(event: dict[str, Any]) -> bytes:
    """What is hashed of an event."""
    return canonical(event)
