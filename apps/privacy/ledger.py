"""What was to be erased, kept outside of PostgreSQL, so that a restored backup cannot bring it back (ADR 29).

One small file an erasure, named after it: writing it again changes nothing, and no entry can damage another.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import fsspec
from django.conf import settings


class LedgerFailed(Exception):
    """The ledger did not take an entry, or could not be read; nothing may be erased meanwhile."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One erasure: opaque ids, a code and a moment."""

    erasure_id: UUID
    organisation_id: UUID
    patient_id: UUID
    reason: str
    requested_at: datetime


def keep_entry(entry: Entry) -> None:
    """Write `entry`, unless it is there; on a local disk it is flushed before this returns. Raises LedgerFailed."""
    line = json.dumps(asdict(entry), default=str, sort_keys=True).encode()
    name = f"{entry.erasure_id}.json"
    try:
        if folder := _local_folder():
            _keep_on_disk(folder, name, line)
        else:
            with fsspec.open(f"{settings.ERASURE_LEDGER.rstrip('/')}/{name}", "wb") as file:
                file.write(line)
    except Exception as error:  # each store has errors of its own
        raise LedgerFailed(f"{type(error).__name__}: {error}") from error


def list_entries() -> Iterator[Entry]:
    """All entries, oldest first (an erasure's id is ordered by time). Raises LedgerFailed for one that is damaged."""
    try:
        files, root = fsspec.core.url_to_fs(settings.ERASURE_LEDGER)
        files.invalidate_cache()  # listings are kept for a process's life, and others write entries, too
        names = sorted(files.ls(root, detail=False)) if files.isdir(root) else []
        for name in names:
            if name.endswith(".json"):
                yield _parsed(json.loads(files.cat_file(name)))
    except Exception as error:
        raise LedgerFailed(f"{type(error).__name__}: {error}") from error


def _local_folder() -> Path | None:
    parts = urlsplit(settings.ERASURE_LEDGER)
    return Path(unquote(parts.path)) if parts.scheme in {"", "file"} else None


def _keep_on_disk(folder: Path, name: str, line: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / name).exists():
        return
    half = folder / f".{name}.{os.getpid()}"
    with half.open("wb") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    half.replace(folder / name)
    # The name, too, must survive a power cut.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parsed(content: dict[str, Any]) -> Entry:
    return Entry(
        UUID(content["erasure_id"]),
        UUID(content["organisation_id"]),
        UUID(content["patient_id"]),
        str(content["reason"]),
        datetime.fromisoformat(content["requested_at"]),
    )
