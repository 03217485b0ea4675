"""The files of dataset versions: JSON lines that training reads, and Parquet for analysts, side by side."""

import gzip
import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from apps.core.problems import Unavailable
from ml.data.flat import parquet_bytes
from ml.data.snapshot import keep_blob
from ml.serving.phenopacket import PacketCase

logger = logging.getLogger(__name__)

_LOCK = 0x484F4F46_44415441  # "HOOFDATA": files are made, or deleted, by one at a time
_SUFFIX = ".jsonl.gz"
# Files of other people's patients stand apart: an erasure has none of them to look through.
SOURCES = "sources"


@dataclass(frozen=True, slots=True)
class Written:
    """The JSON lines: their SHA-256 as stored, and where they are."""

    content_hash: str
    path: Path


def write_version(
    name: str, lines: bytes, cases: Sequence[PacketCase], patients: Sequence[str] = ()
) -> Written:
    """Write `name`-(begin of the hash) as .jsonl.gz and .parquet below DATA_STORE, unless they are there."""
    content = gzip.compress(lines, mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    path = settings.DATA_STORE / f"{name}-{digest[:16]}{_SUFFIX}"
    if not parquet_of(path).exists():
        _write_once(parquet_of(path), parquet_bytes(cases, patients))
    _write_once(path, content)
    return Written(digest, path.resolve())


def parquet_of(path: Path) -> Path:
    """The Parquet file beside a version's JSON lines."""
    return path.with_name(path.name.removesuffix(_SUFFIX) + ".parquet")


def lock_files() -> None:
    """Until the transaction ends, nobody else makes or deletes a file."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def files_with(*, patient_id: UUID) -> list[Path]:
    """The stored files with a case of the patient, also those of which the database knows nothing.

    Until the caller's transaction ends no new one is written.
    """
    lock_files()
    folder = settings.DATA_STORE
    if not folder.is_dir():
        return []
    return [
        path
        for pattern, holds in (
            ("*.jsonl.gz*", holds_patient),
            (".*.gz.*", holds_patient),
            ("*.parquet", _table_holds),
            (".*.parquet.*", _table_holds),
        )
        for path in sorted(folder.glob(pattern))
        if holds(path, patient_id)
    ]


def keep_upload(content: bytes) -> str:
    """Keep what somebody uploads under RAW_STORE: its SHA-256. Raises Unavailable where nothing can be kept."""
    try:
        return keep_blob(content, settings.RAW_STORE)
    except OSError as error:
        logger.error("an upload could not be kept: %s", type(error).__name__)
        raise Unavailable(
            _("Files cannot be kept at the moment: the store of raw files does not answer, or is full.")
        ) from error


def holds_patient(path: Path, patient_id: UUID) -> bool:
    """Whether a record of a file of JSON lines names the patient."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return any(str(patient_id) in line for line in lines)
    except EOFError:
        # What a killed process left half written serves nobody, and may hold him.
        return True


def _table_holds(path: Path, patient_id: UUID) -> bool:
    import pyarrow
    import pyarrow.parquet

    try:
        patients = pyarrow.parquet.read_table(path, columns=["patient"])
    except (OSError, pyarrow.ArrowException):
        return True  # half written
    return bool(patients.num_columns) and str(patient_id) in set(patients.column("patient").to_pylist())


def _write_once(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        half = path.with_name(f".{path.name}.{os.getpid()}")
        half.write_bytes(content)
        half.chmod(0o440)
        half.replace(path)
