"""The knowledge folder: versioned, checksummed, the same bytes from the same sources.

`manifest.json`, `terms.jsonl.gz`, `diseases.jsonl.gz`, `annotations.tsv.gz` and `common.jsonl.gz`, and of the
sources that were given, `disorders.jsonl.gz`, `mappings.tsv.gz`, `translations.tsv.gz` and `genes.tsv.gz`;
docs/knowledge.md gives their columns.
"""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml.errors import EngineError
from ml.knowledge.common import CommonDisease, CommonFinding
from ml.knowledge.model import (
    Annotation,
    Disease,
    DiseaseGene,
    Disorder,
    DisorderPhenotype,
    ExternalReference,
    Mapping,
    Prevalence,
    Synonym,
    Term,
    Translation,
)

FORMAT = 2
MANIFEST = "manifest.json"
TERMS = "terms.jsonl.gz"
DISEASES = "diseases.jsonl.gz"
ANNOTATIONS = "annotations.tsv.gz"
COMMON = "common.jsonl.gz"
DISORDERS = "disorders.jsonl.gz"
MAPPINGS = "mappings.tsv.gz"
TRANSLATIONS = "translations.tsv.gz"
GENES = "genes.tsv.gz"
REQUIRED = frozenset({TERMS, DISEASES, ANNOTATIONS, COMMON})
OPTIONAL = frozenset({DISORDERS, MAPPINGS, TRANSLATIONS, GENES})


class KnowledgeError(EngineError, ValueError):
    """The folder is missing, damaged or of another format; the message says which file, and what to do."""


@dataclass(frozen=True)
class Knowledge:
    """A knowledge folder in memory. `diagnosed` are ids of diseases that training cases have, beside the folder's."""

    manifest: dict[str, Any]
    terms: tuple[Term, ...]
    diseases: tuple[Disease, ...]
    annotations: tuple[Annotation, ...] = field(repr=False)
    common: tuple[CommonDisease, ...] = field(repr=False)
    disorders: tuple[Disorder, ...] = field(default=(), repr=False)
    mappings: tuple[Mapping, ...] = field(default=(), repr=False)
    translations: tuple[Translation, ...] = field(default=(), repr=False)
    genes: tuple[DiseaseGene, ...] = field(default=(), repr=False)
    diagnosed: tuple[str, ...] = field(default=(), repr=False)

    @property
    def version(self) -> str:
        """`<HPO release>+<first 12 hex digits of the checksum>`."""
        return str(self.manifest["version"])


def gzip_bytes(content: bytes) -> bytes:
    """Compressed without name and time, so that the same content always gives the same bytes."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def encode(
    terms: Iterable[Term],
    diseases: Iterable[Disease],
    rows: Iterable[Annotation],
    common: Iterable[CommonDisease] = (),
) -> dict[str, bytes]:
    """The data files of a knowledge folder, by name."""
    return {
        TERMS: gzip_bytes(_jsonl(_term_record(term) for term in terms)),
        DISEASES: gzip_bytes(_jsonl(asdict(disease) for disease in diseases)),
        ANNOTATIONS: gzip_bytes(_tsv(rows)),
        COMMON: gzip_bytes(_jsonl(asdict(disease) for disease in common)),
    }


def encode_optional(
    disorders: Sequence[Disorder],
    mappings: Sequence[Mapping],
    translations: Sequence[Translation],
    genes: Sequence[DiseaseGene] = (),
) -> dict[str, bytes]:
    """The files of optional sources, by name; none for a source that is empty."""
    content = {
        DISORDERS: _jsonl(_disorder_record(disorder) for disorder in disorders),
        MAPPINGS: _plain_tsv(Mapping._fields, mappings),
        TRANSLATIONS: _plain_tsv(Translation._fields, translations),
        GENES: _plain_tsv(DiseaseGene._fields, genes),
    }
    present = {DISORDERS: disorders, MAPPINGS: mappings, TRANSLATIONS: translations, GENES: genes}
    return {name: gzip_bytes(raw) for name, raw in content.items() if present[name]}


def combined_checksum(checksums: MappingType[str, str]) -> str:
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
        diseases=tuple(_disease_of(json.loads(line)) for line in content[DISEASES].splitlines()),
        annotations=tuple(_rows_of(content[ANNOTATIONS].decode())),
        common=tuple(_common_of(json.loads(line)) for line in content[COMMON].splitlines()),
        disorders=tuple(_disorder_of(json.loads(line)) for line in content.get(DISORDERS, b"").splitlines()),
        mappings=tuple(
            Mapping(*cells) for cells in _plain_rows(content.get(MAPPINGS), MAPPINGS, Mapping._fields)
        ),
        translations=tuple(
            Translation(*cells)
            for cells in _plain_rows(content.get(TRANSLATIONS), TRANSLATIONS, Translation._fields)
        ),
        genes=tuple(
            DiseaseGene(*cells) for cells in _plain_rows(content.get(GENES), GENES, DiseaseGene._fields)
        ),
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
            f"{folder} has format {manifest.get('format')!r}; this version reads format {FORMAT}: "
            "build the knowledge again"
        )
    listed = set(manifest.get("files", ()))
    if missing := REQUIRED - listed:
        raise KnowledgeError(f"{folder / MANIFEST} does not list {', '.join(sorted(missing))}")
    if strange := listed - REQUIRED - OPTIONAL:
        raise KnowledgeError(f"{folder / MANIFEST} lists unknown files: {', '.join(sorted(strange))}")
    return manifest


def _jsonl(records: Iterable[MappingType[str, Any]]) -> bytes:
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


def _disease_of(record: dict[str, Any]) -> Disease:
    return Disease(**record | {"ids": tuple(record["ids"])})


def _common_of(record: dict[str, Any]) -> CommonDisease:
    findings = tuple(
        CommonFinding(**finding | {"references": tuple(finding["references"])})
        for finding in record["findings"]
    )
    lists = {name: tuple(record[name]) for name in ("icd10", "same_as")}
    return CommonDisease(**record | lists | {"findings": findings})


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


def _disorder_record(disorder: Disorder) -> dict[str, Any]:
    record = asdict(disorder)
    for name in ("phenotypes", "prevalences", "references"):
        record[name] = [item._asdict() for item in getattr(disorder, name)]
    return record


def _disorder_of(record: dict[str, Any]) -> Disorder:
    return Disorder(
        id=record["id"],
        name=record["name"],
        kind=record["kind"],
        synonyms=tuple(record["synonyms"]),
        parents=tuple(record["parents"]),
        phenotypes=tuple(DisorderPhenotype(**item) for item in record["phenotypes"]),
        prevalences=tuple(Prevalence(**item) for item in record["prevalences"]),
        onsets=tuple(record["onsets"]),
        inheritance=tuple(record["inheritance"]),
        references=tuple(ExternalReference(**item) for item in record["references"]),
        genes=tuple(record["genes"]),
    )


def _plain_tsv(fields: Sequence[str], rows: Iterable[tuple[str, ...]]) -> bytes:
    return "".join("\t".join(cells) + "\n" for cells in (tuple(fields), *rows)).encode()


def _plain_rows(raw: bytes | None, name: str, fields: Sequence[str]) -> Iterable[list[str]]:
    if raw is None:
        return
    header, *lines = raw.decode().rstrip("\n").split("\n")
    if header.split("\t") != list(fields):
        raise KnowledgeError(f"{name} has other columns than {', '.join(fields)}")
    for line in lines:
        yield line.split("\t")
