"""Reads phenotype.hpoa: one row per disease, term and curated statement, with the reference of each row."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from ml.knowledge.model import Annotation

COLUMNS = (
    "database_id", "disease_name", "qualifier", "hpo_id", "reference", "evidence", "onset", "frequency", "sex",
    "modifier", "aspect", "biocuration",
)  # fmt: skip
DATABASES = ("OMIM", "ORPHA", "DECIPHER")

_RATIO = re.compile(r"(\d+)/(\d+)$")


class AnnotationError(ValueError):
    """The file is not a usable phenotype.hpoa; the message names file, line and column."""


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """The release (ISO date) of the file, its rows, and the name that it gives each disease."""

    release: str
    rows: tuple[Annotation, ...]
    names: dict[str, str]


def read_annotations(path: Path) -> AnnotationFile:
    """Read phenotype.hpoa in the format of 2022 and later. Raises AnnotationError."""
    release = ""
    rows: list[Annotation] = []
    names: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            header: list[str] | None = None
            for number, line in enumerate(
                csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE), start=1
            ):
                if line and line[0].startswith("#"):
                    if match := re.match(r"#version:\s*(\d{4}-\d{2}-\d{2})", line[0]):
                        release = match.group(1)
                elif header is None:
                    header = _header(line, path, number)
                else:
                    row = _row(line, header, path, number)
                    rows.append(row)
                    names.setdefault(row.disease_id, line[header.index("disease_name")])
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path.name} cannot be read: {error}") from error
    if not release:
        raise AnnotationError(f"{path.name} names no release: a line '#version: YYYY-MM-DD' was expected")
    if not rows:
        raise AnnotationError(f"{path.name} holds no annotation")
    rows.sort(key=lambda row: tuple("" if value is None else str(value) for value in row))
    return AnnotationFile(release, tuple(rows), names)


def _header(line: list[str], path: Path, number: int) -> list[str]:
    missing = [column for column in COLUMNS if column not in line]
    if missing:
        raise AnnotationError(f"{path.name}, line {number}: the header lacks {', '.join(missing)}")
    return line


def _row(line: list[str], header: list[str], path: Path, number: int) -> Annotation:
    if len(line) != len(header):
        raise AnnotationError(f"{path.name}, line {number}: {len(line)} columns, {len(header)} expected")
    cell = dict(zip(header, line, strict=True))
    if cell["database_id"].split(":")[0] not in DATABASES:
        raise AnnotationError(
            f"{path.name}, line {number}, database_id: {cell['database_id']!r}; "
            f"one of {', '.join(DATABASES)} was expected"
        )
    ratio = _RATIO.match(cell["frequency"])
    return Annotation(
        disease_id=cell["database_id"],
        hpo_id=cell["hpo_id"],
        aspect=cell["aspect"],
        negated=cell["qualifier"] == "NOT",
        frequency=cell["frequency"],
        numerator=int(ratio.group(1)) if ratio else None,
        denominator=int(ratio.group(2)) if ratio else None,
        onset=cell["onset"],
        sex=cell["sex"].lower(),
        modifiers=cell["modifier"],
        references=tuple(part.strip() for part in cell["reference"].split(";") if part.strip()),
        evidence=cell["evidence"],
        biocuration=cell["biocuration"],
    )
