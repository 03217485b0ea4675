"""A bundle says what it is, and a damaged one is refused."""

import json
import shutil
from pathlib import Path

import pytest

from ml.serving import CorruptArtefact, Predictor


def test_the_manifest_says_what_the_model_is(predictor: Predictor, model_dir: Path) -> None:
    manifest = predictor.manifest
    assert len(manifest.artefact_hash) == 64
    assert manifest.hpo_release == "2025-01-16"
    assert manifest.knowledge_version.startswith("2025-01-16+")
    assert manifest.n_diseases == len(predictor.candidates) == 8531
    assert manifest.n_cases == 0
    assert manifest.created
    assert manifest.calibration["n_cases"] > 0
    assert manifest.raw["model"]["default_prior"] == "literature"
    assert sum(file.stat().st_size for file in model_dir.iterdir()) < 100e6


@pytest.mark.parametrize(
    "name",
    [
        "model.onnx",
        "model.json",
        "terms.jsonl.gz",
        "diseases.jsonl.gz",
        "annotations.npz",
        "profiles.npz",
        "cases.npz",
    ],
)
def test_a_flipped_byte_is_found(small_model_with_cases: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(small_model_with_cases, tmp_path / "model")
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(raw)
    with pytest.raises(CorruptArtefact, match=name.replace(".", r"\.")):
        Predictor.load(folder)


def test_a_manifest_that_was_made_to_fit_is_found(small_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small_model, tmp_path / "model")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.onnx"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CorruptArtefact, match="artefact hash is not that of the files"):
        Predictor.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "has no readable manifest"), ("{", "is damaged"), ('{"format": 1}', "is damaged"),
     ('{"format": 9, "files": {}, "artefact_hash": "x"}', "is a model of format 9"),
     ('{"format": 2, "files": {}, "artefact_hash": "x"}', "format 2; this version serves format 3: train it again"),
     ('{"format": 3, "files": {}, "artefact_hash": "x"}', "does not list")],
)  # fmt: skip
def test_a_folder_that_is_no_model(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(CorruptArtefact, match=message):
        Predictor.load(tmp_path)


def test_a_missing_file_is_named(small_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small_model, tmp_path / "model")
    (folder / "profiles.npz").unlink()
    with pytest.raises(CorruptArtefact, match=r"lacks profiles\.npz"):
        Predictor.load(folder)
