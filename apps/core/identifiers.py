"""Opaque identifiers that sort by time."""

import os
import time
import uuid
from datetime import datetime

NOWHERE = uuid.UUID(int=0)
"""An id that no row has: a filter with it finds nothing, where `None` would mean IS NULL."""


def uuid7() -> uuid.UUID:
    """A version 7 UUID (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits.

    Rows made one after another stand side by side in the index, and a cursor page needs no second column.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & ((1 << 62) - 1)
    return uuid.UUID(int=value)


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The least id that could have been made at `moment`: all that `uuid7` made from then on are greater."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
