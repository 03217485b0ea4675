"""Connectors that somebody else installs: found by their entry point, and kept from harming the rest."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from ml.data.connectors import kinds
from tests.ml.data.servers import ingest

MODULE = """
import json

from ml.data.connectors import Blob, Source
from ml.serving.phenopacket import LineError


def read(source: Source):
    for n in range(source.options["number"]):
        record = {"id": n, "verdict": "OMIM:154700", "said": ["HP:0001166"]}
        yield Blob(f"{source.location}-{n}.json", json.dumps([record]).encode())
    yield LineError(0, "the fax was illegible", "fax-7.json")
    if source.options.get("fails"):
        raise RuntimeError(f"no carrier for {source.credentials['pin']}")


def read_strangely(source: Source):
    yield {"id": 1}


def read_nothing(source: Source):
    return None
"""
ENTRY_POINTS = """[hoofbeat.connectors]
fax = clinic_fax:read
strange = clinic_fax:read_strangely
nothing = clinic_fax:read_nothing
broken = clinic_fax:no_such_name
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution in a folder, as an installer leaves it."""
    site = tmp_path / "site"
    (site / "clinic_fax-1.0.dist-info").mkdir(parents=True)
    (site / "clinic_fax.py").write_text(MODULE)
    (site / "clinic_fax-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: clinic-fax\nVersion: 1.0\n"
    )
    (site / "clinic_fax-1.0.dist-info/entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "clinic_fax", raising=False)
    monkeypatch.setenv("FAX_PIN", "c4nary")


def source(kind: str, **options: Any) -> dict[str, Any]:
    return {
        "kind": kind, "location": "ward", "options": {"number": 20} | options,
        "credentials": {"pin": {"env": "FAX_PIN"}},
    }  # fmt: skip


def test_an_installed_connector_is_a_kind_of_source_like_any_other(tmp_path: Path) -> None:
    assert {"fax", "strange"} <= set(kinds())
    outcome = ingest(tmp_path, source("fax"))
    assert (outcome.code, len(outcome.ids)) == (0, 20)
    assert outcome.report is not None
    assert len(outcome.report["files"]) == 20
    assert [(e["file"], e["why"]) for e in outcome.report["rejected"]] == [
        ("fax-7.json", "the fax was illegible")
    ]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("fax", {"fails": True}, "ward: no carrier for ***"),
        ("strange", {}, "ward: kind strange gave a dict; a Blob was expected"),
        ("nothing", {}, "ward: 'NoneType' object is not iterable"),
        ("broken", {}, "kind: 'broken', clinic_fax:no_such_name, cannot be loaded: AttributeError"),
    ],
)
def test_one_that_fails_makes_no_dataset_and_tells_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, options: dict[str, Any], message: str
) -> None:
    outcome = ingest(tmp_path, source(kind, **options))
    assert (outcome.code, outcome.report) == (1, None)
    told = capsys.readouterr().err
    assert message in told
    assert "c4nary" not in told
