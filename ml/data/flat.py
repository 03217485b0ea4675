"""Canonical cases as a table with one row a case: what analysts read, as Parquet, and what a page filters."""

import io
import json
from collections.abc import Sequence
from typing import Any

from ml.data.records import record_of
from ml.serving.age import InvalidAge, years_of
from ml.serving.phenopacket import PacketCase

_LISTS = ("diagnoses", "present", "absent", "uncertain", "publications")


def flat_row(case: PacketCase) -> dict[str, Any]:
    """id, sex, age (ISO 8601), age_years, the ids of diagnoses and of findings by state, publications, group."""
    record = record_of(case)
    return {
        "id": case.id,
        "sex": case.sex,
        "age": case.age,
        "age_years": _years(case.age),
        "diagnoses": list(case.diseases),
        "present": list(case.present),
        "absent": list(case.absent),
        "uncertain": list(case.uncertain),
        "publications": record["publications"],
        "group": record.get("group"),
    }


def parquet_bytes(cases: Sequence[PacketCase], patients: Sequence[str] = ()) -> bytes:
    """A Parquet file of `flat_row`s, each with its canonical `record` as JSON; the same cases give the same bytes.

    `patients` are ids beside the cases, in their order, where an erasure must find the file by them.
    """
    import pyarrow as pa
    import pyarrow.parquet

    rows = [flat_row(case) | {"record": json.dumps(record_of(case), ensure_ascii=False)} for case in cases]
    for row, patient in zip(rows, patients, strict=False):
        row["patient"] = patient
    names = ["id", "sex", "age", "age_years", *_LISTS, "group", *(["patient"] if patients else []), "record"]
    types = {name: pa.list_(pa.string()) for name in _LISTS} | {"age_years": pa.float64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    target = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(rows, schema=schema), target, compression="zstd")
    return target.getvalue()


def _years(age: str | None) -> float | None:
    try:
        return None if age is None else years_of(age)
    except InvalidAge:
        return None
