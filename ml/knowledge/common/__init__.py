"""Common diseases as primary care and emergency medicine see them: our own set, as TSV that a clinician can review."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ml.errors import EngineError

FOLDER = Path(__file__).resolve().parent
DISEASES = "diseases.tsv"
FINDINGS = "findings.tsv"
DISEASE_COLUMNS = (
    "mondo_id", "name", "icd10", "same_as", "prevalence", "prevalence_kind", "prevalence_per_100000",
    "prevalence_reference", "age_profile", "age_reference", "sex_profile", "sex_reference",
)  # fmt: skip
FINDING_COLUMNS = ("mondo_id", "hpo_id", "hpo_label", "frequency", "reference", "status", "seen_in")


class CommonSetError(EngineError):
    """A file of the set is missing or is not a table of the expected columns; says which file and line."""


@dataclass(frozen=True, slots=True)
class CommonFinding:
    """One row of findings.tsv.

    `frequency` is the text as published ("31/41", "65%", an HPO frequency class id) or "". `references` holds
    "PMID:...", "DOI:..." or addresses; it is empty only where `verified` is False.
    """

    hpo_id: str
    label: str
    frequency: str
    references: tuple[str, ...]
    verified: bool
    seen_in: str


@dataclass(frozen=True, slots=True)
class CommonDisease:
    """One row of diseases.tsv with its findings.

    `id` is the MONDO id, or the ICD-10-CM code ("ICD10CM:L22") where MONDO has no term. `same_as` are the entries of
    OMIM and Orphanet that mean the same condition. `prevalence`, `age_profile` and `sex_profile` are texts in the
    forms that README.md beside this file gives, or "" where nothing was found; `per_100000` is the number of people
    per 100,000 that `prevalence` states, or None.
    """

    id: str
    name: str
    icd10: tuple[str, ...]
    same_as: tuple[str, ...]
    prevalence: str
    prevalence_kind: str
    per_100000: float | None
    prevalence_reference: str
    age_profile: str
    age_reference: str
    sex_profile: str
    sex_reference: str
    findings: tuple[CommonFinding, ...]


def read_common(folder: Path = FOLDER) -> tuple[CommonDisease, ...]:
    """All diseases of the set in order of id, findings in order of HPO id. Raises CommonSetError.

    Only the shape of the tables is checked here; `python -m ml.knowledge.common.validate` checks what they say.
    """
    findings: dict[str, list[CommonFinding]] = {}
    for _, row in read_rows(folder / FINDINGS, FINDING_COLUMNS):
        findings.setdefault(row["mondo_id"], []).append(
            CommonFinding(
                hpo_id=row["hpo_id"],
                label=row["hpo_label"],
                frequency=row["frequency"],
                references=tuple(split(row["reference"].removeprefix("none"))),
                verified=row["status"] == "verified",
                seen_in=row["seen_in"],
            )
        )
    diseases = [
        CommonDisease(
            id=row["mondo_id"],
            name=row["name"],
            icd10=tuple(split(row["icd10"])),
            same_as=tuple(split(row["same_as"])),
            prevalence=row["prevalence"],
            prevalence_kind=row["prevalence_kind"],
            per_100000=_number(row["prevalence_per_100000"]),
            prevalence_reference=row["prevalence_reference"],
            age_profile=row["age_profile"],
            age_reference=row["age_reference"],
            sex_profile=row["sex_profile"],
            sex_reference=row["sex_reference"],
            findings=tuple(sorted(findings.get(row["mondo_id"], ()), key=lambda finding: finding.hpo_id)),
        )
        for _, row in read_rows(folder / DISEASES, DISEASE_COLUMNS)
    ]
    return tuple(sorted(diseases, key=lambda disease: disease.id))


def read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of one of the tables. Raises CommonSetError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommonSetError(f"{path.name} cannot be read: {error}") from error
    # Quotes are ordinary characters: a line of the file is a row, which keeps line numbers true.
    rows = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = tuple(next(rows, ()))
    if header != columns:
        raise CommonSetError(
            f"{path.name}:1: the columns must be {', '.join(columns)}; found {', '.join(header)}"
        )
    for line, cells in enumerate(rows, start=2):
        if len(cells) != len(columns):
            raise CommonSetError(
                f"{path.name}:{line}: {len(columns)} cells were expected, found {len(cells)}"
            )
        yield line, dict(zip(columns, cells, strict=True))


def _number(cell: str) -> float | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        raise CommonSetError(f"{DISEASES}: prevalence_per_100000 {cell!r} is no number") from None


def split(cell: str) -> list[str]:
    """The values of a cell that holds several, separated by semicolons."""
    return [value for value in cell.split(";") if value]
