"""The served bundle on disk: a manifest over files whose checksums give the artefact its hash."""

import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.errors import EngineError
from ml.features.cases import CaseTable
from ml.features.evidence import COLUMNS, AnnotationTable, SiblingGroup

FORMAT = 3
MANIFEST = "manifest.json"
MODEL = "model.onnx"
DESCRIPTION = "model.json"
TERMS = "terms.jsonl.gz"
DISEASES = "diseases.jsonl.gz"
ANNOTATIONS = "annotations.npz"
PROFILES = "profiles.npz"
CASES = "cases.npz"
CARD = "MODEL_CARD.md"
PRIORS = "priors.npz"
ABOUT = "about.jsonl.gz"
REQUIRED = frozenset({MODEL, DESCRIPTION, TERMS, DISEASES, ANNOTATIONS, PROFILES, PRIORS})


class CorruptArtefact(EngineError, ValueError):
    """The folder is no bundle, or its files are not those that its manifest names; the message says which."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says about itself. `raw` holds everything, of `manifest.json` and of the hashed `model.json`."""

    artefact_hash: str
    created: str
    knowledge_version: str
    hpo_release: str
    n_diseases: int
    n_cases: int
    calibration: dict[str, Any]
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose checksums are right; files stay bytes until somebody needs them."""

    manifest: Manifest
    files: Mapping[str, bytes]


def artefact_hash(checksums: Mapping[str, str]) -> str:
    """SHA-256 over the sorted `name checksum` lines of the served files; the manifest itself, with its time, is out."""
    lines = "".join(f"{name} {checksums[name]}\n" for name in sorted(checksums))
    return hashlib.sha256(lines.encode()).hexdigest()


def read_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle. Raises CorruptArtefact."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        checksums = dict(manifest["files"])
        declared = str(manifest["artefact_hash"])
    except OSError as error:
        raise CorruptArtefact(f"{folder} is no model: it has no readable {MANIFEST}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptArtefact(f"{folder / MANIFEST} is damaged: {error!r}") from error
    if manifest.get("format") != FORMAT:
        raise CorruptArtefact(
            f"{folder} is a model of format {manifest.get('format')!r}; this version serves format {FORMAT}: "
            "train it again with this version"
        )
    if missing := REQUIRED - checksums.keys():
        raise CorruptArtefact(f"{folder / MANIFEST} does not list {', '.join(sorted(missing))}")
    if strange := checksums.keys() - REQUIRED - {CASES, CARD, ABOUT}:
        raise CorruptArtefact(f"{folder / MANIFEST} lists unknown files: {', '.join(sorted(strange))}")
    if artefact_hash(checksums) != declared:
        raise CorruptArtefact(f"{folder / MANIFEST}: the artefact hash is not that of the files listed")
    files: dict[str, bytes] = {}
    for name, expected in checksums.items():
        try:
            files[name] = (folder / name).read_bytes()
        except OSError as error:
            raise CorruptArtefact(f"{folder} lacks {name}") from error
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise CorruptArtefact(
                f"{folder / name} was changed after training: its checksum is not the manifest's"
            )
    description = json.loads(files[DESCRIPTION])
    return Bundle(
        Manifest(
            artefact_hash=declared,
            created=str(manifest.get("created", "")),
            knowledge_version=description["knowledge_version"],
            hpo_release=description["hpo_release"],
            n_diseases=description["n_diseases"],
            n_cases=description["n_cases"],
            calibration=description["calibration"],
            raw=manifest | {"model": description},
        ),
        files,
    )


def json_lines(raw: bytes) -> list[dict[str, Any]]:
    """The records of a gzipped JSON-lines file."""
    return [json.loads(line) for line in gzip.decompress(raw).splitlines()]


def pack_arrays(arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, tuple[str, ...]]) -> bytes:
    """Arrays and lists of texts as one npz file, the same bytes for the same content."""
    stream = io.BytesIO()
    lists = {
        f"text_{name}": np.frombuffer(json.dumps(list(values), ensure_ascii=False).encode(), np.uint8)
        for name, values in texts.items()
    }
    np.savez_compressed(stream, allow_pickle=False, **dict(arrays), **lists)
    return stream.getvalue()


def unpack_arrays(raw: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, tuple[str, ...]]]:
    """The inverse of `pack_arrays`."""
    arrays: dict[str, NDArray[Any]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    with np.load(io.BytesIO(raw), allow_pickle=False) as packed:
        for name in packed.files:
            if name.startswith("text_"):
                texts[name.removeprefix("text_")] = tuple(json.loads(packed[name].tobytes()))
            else:
                arrays[name] = packed[name]
    return arrays, texts


def pack_table(table: AnnotationTable) -> bytes:
    """The annotation rows of the candidates."""
    texts = {"diseases": table.diseases, "terms": table.terms, "texts": table.texts}
    if table.siblings:
        texts["siblings"] = tuple(json.dumps(group) for group in table.siblings)
    return pack_arrays({name: table.columns[name] for name in COLUMNS}, texts)


def unpack_table(raw: bytes) -> AnnotationTable:
    """The inverse of `pack_table`."""
    arrays, texts = unpack_arrays(raw)
    groups = (json.loads(text) for text in texts.get("siblings", ()))
    return AnnotationTable(
        texts["diseases"],
        texts["terms"],
        texts["texts"],
        {n: arrays[n] for n in COLUMNS},
        tuple(SiblingGroup(reference, tuple(diseases), *kind) for reference, diseases, *kind in groups),
    )


def pack_cases(cases: CaseTable) -> bytes:
    """The training cases, without identifiers: findings, diagnosis, age, sex and publications only."""
    # a set without such findings (phenopackets) has no such column
    extra = [name for name in ("uncertain", "volunteered") if any(getattr(cases, name))]
    return pack_arrays(
        {"disease": cases.disease},
        {
            name: tuple(json.dumps(value) for value in getattr(cases, name))
            for name in ("present", "absent", "publications", "age_years", "sex", *extra)
        },
    )


def unpack_cases(raw: bytes) -> CaseTable:
    """The inverse of `pack_cases`."""
    arrays, texts = unpack_arrays(raw)
    columns = {name: [json.loads(text) for text in values] for name, values in texts.items()}
    return CaseTable(
        arrays["disease"],
        tuple(tuple(terms) for terms in columns["present"]),
        tuple(tuple(terms) for terms in columns["absent"]),
        tuple(tuple(publications) for publications in columns["publications"]),
        tuple(columns["age_years"]),
        tuple(columns["sex"]),
        tuple(tuple(terms) for terms in columns.get("uncertain", ())),
        tuple(tuple(terms) for terms in columns.get("volunteered", ())),
    )
