"""The suite behind docs/benchmarks.md: what it needs is named when it is not there."""

from pathlib import Path

import pytest

from ml.cli import main


def test_missing_public_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark-suite", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "cases/phenopacket-store.train.jsonl.gz is not there" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
