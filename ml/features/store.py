"""The offline side of the feature store: rows as Parquet, by dataset version and feature version.

    store/<dataset version>/<feature version>/features.parquet   case_id, event_timestamp, one column a feature
                                              online.npy, online_keys.json   the newest row of each case
                                              parameters.npz                 `ml.features.definitions.Fitted`

A row is the case as it was at `event_timestamp`; a case may have several. Rows hold data of patients: the folder of a
dataset version is deleted with it.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.errors import EngineError
from ml.features.cases import CaseTable
from ml.features.definitions import FeatureSet
from ml.features.online import KEYS, PARAMETERS, ROWS
from ml.folders import write_folder

OFFLINE = "features.parquet"
KEY, EVENT = "case_id", "event_timestamp"


class FeatureStoreError(EngineError, ValueError):
    """The rows cannot be kept or read; the message says why."""


@dataclass(frozen=True)
class FeatureRows:
    """`values` [rows, features] of the cases `ids`, each as it was at `events` (None: not known when)."""

    names: tuple[str, ...]
    ids: tuple[str, ...]
    events: tuple[datetime | None, ...]
    values: NDArray[np.float32]


def materialise(
    store: Path, dataset: str, features: FeatureSet, ids: Sequence[str], cases: CaseTable,
    events: Sequence[datetime | None] | None = None,
) -> Path:  # fmt: skip
    """Compute and keep the rows of all cases; returns their folder, which is left as it is where it is there already.

    Raises FeatureStoreError where two rows of one case have the same time, or a time lacks its zone.
    """
    folder = store / dataset / features.version
    if folder.exists():
        return folder
    times = [None if event is None else _utc(event) for event in events or [None] * len(ids)]
    if len(set(zip(ids, times, strict=True))) < len(ids):
        raise FeatureStoreError("two rows of one case have the same time: which one holds cannot be said")
    values = features.table(cases)
    newest = _newest(ids, times)
    online = io.BytesIO()
    np.save(online, values[list(newest.values())], allow_pickle=False)
    write_folder(
        folder,
        {
            OFFLINE: _parquet(features.names, ids, times, values),
            ROWS: online.getvalue(),
            KEYS: json.dumps(list(newest), ensure_ascii=False).encode(),
            PARAMETERS: features.fitted.pack(),
        },
    )
    return folder


def read_rows(folder: Path) -> FeatureRows:
    """All rows of a folder, in the order in which they were given. Raises FeatureStoreError."""
    try:
        table = pq.read_table(folder / OFFLINE)
    except (OSError, pa.ArrowInvalid) as error:
        raise FeatureStoreError(f"{folder} holds no readable {OFFLINE}: {error}") from error
    names = tuple(name for name in table.column_names if name not in (KEY, EVENT))
    values = [table[name].to_numpy() for name in names]
    return FeatureRows(
        names,
        tuple(table[KEY].to_pylist()),
        tuple(table[EVENT].to_pylist()),
        np.stack(values, axis=1).astype(np.float32, copy=False) if names else np.zeros((len(table), 0), np.float32),
    )  # fmt: skip


def read_as_of(
    folder: Path, ids: Sequence[str], as_of: Sequence[datetime]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """([n, features], known [n]): each case as it was known at its own time, never from a later row.

    Where nothing was known yet the row is NaN. Rows without a time are passed over: nobody can say when they were true.
    """
    rows = read_rows(folder)
    by_case: dict[str, list[tuple[datetime, int]]] = {}
    for number, (case, event) in enumerate(zip(rows.ids, rows.events, strict=True)):
        if event is not None:
            by_case.setdefault(case, []).append((event, number))
    values = np.full((len(ids), len(rows.names)), np.nan, np.float32)
    known = np.zeros(len(ids), bool)
    for i, (case, limit) in enumerate(zip(ids, as_of, strict=True)):
        before = [dated for dated in by_case.get(case, ()) if dated[0] <= _utc(limit)]
        if before:
            values[i], known[i] = rows.values[max(before)[1]], True
    return values, known


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise FeatureStoreError(f"{time}: a time with its zone was expected")
    return time.astimezone(UTC)


def _newest(ids: Sequence[str], times: Sequence[datetime | None]) -> dict[str, int]:
    """Case -> number of its newest row; a row without a time is older than any with one."""
    begin = datetime.min.replace(tzinfo=UTC)
    newest: dict[str, int] = {}
    for number, case in enumerate(ids):
        if case not in newest or (times[number] or begin) > (times[newest[case]] or begin):
            newest[case] = number
    return newest


def _parquet(
    names: Sequence[str], ids: Sequence[str], times: Sequence[datetime | None], values: NDArray[np.float32]
) -> bytes:
    columns = [pa.array(ids, pa.string()), pa.array(times, pa.timestamp("us", "UTC"))]
    columns += [pa.array(values[:, k], pa.float32()) for k in range(len(names))]
    stream = io.BytesIO()
    pq.write_table(pa.table(columns, names=[KEY, EVENT, *names]), stream)
    return stream.getvalue()
