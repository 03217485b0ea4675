"""A small source of cases with its own words, and somebody who may read it in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.datasets.ingestion import request_ingestion, run_ingestion
from apps.datasets.models import DataSource, Ingestion
from apps.datasets.sources import add_source

SHAPE = """
source: clinic
id: number
diagnosis: verdict
age: {field: years, unit: years}
sex: {field: sex, values: {m: male, f: female}}
findings: [{field: said, separator: ";", state: present}]
mappings: {findings: f.tsv, diagnoses: d.tsv}
"""
_HEAD = "subject_id\tsubject_label\tpredicate_id\tobject_id\tobject_label\n"
FINDINGS = _HEAD + "clinic:tall\ttall\tskos:exactMatch\tHP:0000098\tTall stature\n"
DIAGNOSES = _HEAD + "clinic:marfan\tMarfan\tskos:exactMatch\tOMIM:154700\tMarfan syndrome\n"
CASES = 40


def table(rows: int = CASES, broken: int = 0) -> bytes:
    """A CSV of so many cases, and of so many rows whose one cell is missing."""
    lines = ["number,verdict,years,sex,said"]
    lines += [f"{i},marfan,{10 + i % 30},{'mf'[i % 2]},tall;long fingers" for i in range(1, rows + 1)]
    lines += [f"x{i},marfan,9" for i in range(broken)]
    return "\n".join(lines).encode()


def values(**changes: Any) -> dict[str, Any]:
    """A source that is read from uploads."""
    return {
        "name": "Visits",
        "kind": "files",
        "shape": SHAPE,
        "finding_mappings": FINDINGS,
        "diagnosis_mappings": DIAGNOSES,
    } | changes


@pytest.fixture(autouse=True)
def stores(settings: Any, tmp_path: Path) -> None:
    settings.DATA_STORE = tmp_path / "datasets"
    settings.RAW_STORE = (tmp_path / "raw").as_uri()


@pytest.fixture
def scientist(user_of: Callable[..., User]) -> User:
    return user_of("data_scientist")


@pytest.fixture
def actor(scientist: User, actor_of: Callable[[User], Actor]) -> Actor:
    return actor_of(scientist)


@pytest.fixture
def source(actor: Actor, knowledge: Any) -> DataSource:
    return add_source(actor=actor, values=values(), credentials={})


@pytest.fixture
def ingested(actor: Actor) -> Callable[..., Ingestion]:
    """`ingested(source, content)` reads an upload, or the source itself, to the end."""

    def ingest(source: DataSource, content: bytes | None = None, name: str = "visits.csv") -> Ingestion:
        upload = None if content is None else (name, content)
        ingestion = request_ingestion(actor=actor, source_id=source.pk, upload=upload)
        run_ingestion(ingestion_id=ingestion.pk)
        ingestion.refresh_from_db()
        return ingestion

    return ingest
