"""The knowledge folder: versioned, checksummed, the same bytes from the same sources.

`manifest.json`, `terms.jsonl.gz`, `diseases.jsonl.gz` and `annotations.tsv.gz`; docs/knowledge.md gives their columns.
"""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml.errors import EngineError
from ml.knowledge.model import Annotation, Disease, Synonym, Term

FORMAT = 1
MANIFEST = "manifest.json"
TERMS = "terms.jsonl.gz"
DISEASES = "diseases.jsonl.gz"
ANNOTATIONS = "annotations.tsv.gz"


class KnowledgeError(EngineError, ValueError):
    """The folder is missing, damaged or of another format; the message says which file, and what to do."""


@dataclass(frozen=True)
class Knowledge:
    """A knowledge folder in memory."""

    manifest: dict[str, Any]
    terms: tuple[Term, ...]
    diseases: tuple[Disease, ...]
    annotations: tuple[Annotation, ...] = field(repr=False)

    @property
    def version(self) -> str:
        """`<HPO release>+<first 12 hex digits of the checksum>`."""
        return str(self.manifest["version"])


def gzip_bytes(content: bytes) -> bytes:
    """Compressed without name and time, so that the same content always gives the same bytes."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def encode(
    terms: Iterable[Term], diseases: Iterable[Disease], rows: Iterable[Annotation]
) -> dict[str, bytes]:
    """The data files of a knowledge folder, by name."""
    return {
        TERMS: gzip_bytes(_jsonl(_term_record(term) for term in terms)),
        DISEASES: gzip_bytes(_jsonl(asdict(disease) for disease in diseases)),
        ANNOTATIONS: gzip_bytes(_tsv(rows)),
    }


def combined_checksum(checksums: Mapping[str, str]) -> str:
    """SHA-256 over the sorted `name checksum` lines."""
    lines = "".join(f"{name} {checksums[name]}\n" for name in sorted(checksums))
    return hashlib.sha256(lines.encode()).hexdigest()


def read_knowledge(folder: Path) -> Knowledge:
    """Read a knowledge folder and verify its checksums. Raises KnowledgeError."""
    manifest = read_manifest(folder)
    content: dict[str, bytes] = {}
    for name, expected in manifest["files"].items():
        try:
            raw = (folder / name).read_bytes()
        except OSError as error:
            raise KnowledgeError(f"{folder} lacks {name}: build the knowledge again") from error
        if hashlib.sha256(raw).hexdigest() != expected:
            raise KnowledgeError(f"{folder / name} is damaged (checksum differs): build the knowledge again")
        content[name] = gzip.decompress(raw)
    return Knowledge(
        manifest=manifest,
        terms=tuple(_term_of(json.loads(line)) for line in content[TERMS].splitlines()),
        diseases=tuple(Disease(**json.loads(line)) for line in content[DISEASES].splitlines()),
        annotations=tuple(_rows_of(content[ANNOTATIONS].decode())),
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a knowledge folder. Raises KnowledgeError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise KnowledgeError(f"{folder} is no knowledge folder: it has no {MANIFEST}") from error
    except ValueError as error:
        raise KnowledgeError(f"{folder / MANIFEST} is damaged: {error}") from error
    if manifest.get("format") != FORMAT:
        raise KnowledgeError(
            f"{folder} has format {manifest.get('format')!r}; this version reads format {FORMAT}"
        )
    if set(manifest.get("files", ())) != {TERMS, DISEASES, ANNOTATIONS}:
        raise KnowledgeError(f"{folder / MANIFEST} does not list the three data files")
    return manifest


def _jsonl(records: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def _term_record(term: Term) -> dict[str, Any]:
    record = asdict(term)
    record["synonyms"] = [synonym._asdict() for synonym in term.synonyms]
    return record


def _term_of(record: dict[str, Any]) -> Term:
    return Term(
        id=record["id"],
        label=record["label"],
        definition=record["definition"],
        synonyms=tuple(Synonym(s["text"], s["scope"]) for s in record["synonyms"]),
        alt_ids=tuple(record["alt_ids"]),
        parents=tuple(record["parents"]),
        obsolete=record["obsolete"],
        replaced_by=record["replaced_by"],
        consider=tuple(record["consider"]),
    )


def _tsv(rows: Iterable[Annotation]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
    writer.writerow(Annotation._fields)
    for row in rows:
        cells = row._asdict() | {"negated": int(row.negated), "references": ";".join(row.references)}
        # csv writes None, the missing numerator and denominator, as an empty cell
        writer.writerow(cells.values())
    return stream.getvalue().encode()


def _rows_of(text: str) -> Iterable[Annotation]:
    lines = iter(text.split("\n"))
    if next(lines).split("\t") != list(Annotation._fields):
        raise KnowledgeError(f"{ANNOTATIONS} has other columns than {', '.join(Annotation._fields)}")
    for line in lines:
        if line:
            c = line.split("\t")
            yield Annotation(
                c[0], c[1], c[2], c[3] == "1", c[4], int(c[5]) if c[5] else None, int(c[6]) if c[6] else None,
                c[7], c[8], c[9], tuple(c[10].split(";")) if c[10] else (), c[11], c[12],
            )  # fmt: skip
