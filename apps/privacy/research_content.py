"""What is in a de-identified export: a table, phenopackets, the report, and a page that explains them (ADR 36)."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone

from apps.core.spreadsheets import csv_text
from apps.interop.phenopackets import phenopacket_of
from apps.knowledge.models import Term
from apps.knowledge.selectors import current_release
from apps.privacy.deidentification import MOST_DAYS_SHIFTED, Band, Deidentified, ReleasedCase
from apps.privacy.models import ResearchExport

COLUMNS = (
    "patient", "case", "sex", "age", "entered", "confirmed", "diagnosis", "diagnosis_name", "diagnosis_withheld",
    "present", "absent", "uncertain",
)  # fmt: skip
# How exactly ages are stated, as `Report.ages` counts it.
_STATED = ("by 5 years", "by 10 years", "child, adult or 65 and more", "not at all", "nor the sex")
# A phenopacket's range of ages must end; nobody has lived this long.
_WITHOUT_END = 130


def pack(made: Deidentified, *, study: str, small_cells: str) -> bytes:
    """The zip."""
    release = current_release()
    hpo_release = release.hpo_release if release else "unknown"
    made_at = timezone.now().isoformat(timespec="seconds")
    labels = _labels(made.cases)
    report = _report(made, small_cells)
    head = {"study": study, "made_at": made_at, "hpo_release": hpo_release, "small_cells": small_cells}
    packets = (_packet(case, labels, made_at=made_at, hpo_release=hpo_release) for case in made.cases)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        page = head | {"report": report, "most_days": MOST_DAYS_SHIFTED}
        archive.writestr("read-me-first.html", render_to_string("privacy/research_readme.html", page))
        archive.writestr("cases.csv", csv_text(COLUMNS, _rows(made.cases)))
        archive.writestr("phenopackets.jsonl", "".join(f"{_json(packet)}\n" for packet in packets))
        archive.writestr("report.json", json.dumps(head | report, ensure_ascii=False, indent=1))
    return packed.getvalue()


def band_words(band: Band | None) -> str:
    """The completed years of a band, as in "20-24" and "90+"; "" for an age that is not stated."""
    if band is None:
        return ""
    start, end = band
    return f"{start}+" if end is None else f"{start}-{end}" if start < end else f"{start}"


def _report(made: Deidentified, small_cells: str) -> dict[str, Any]:
    report = asdict(made.report)
    report["ages"] = dict(zip(_STATED, made.report.ages, strict=True))
    if small_cells == ResearchExport.SmallCells.WITHHOLD:
        # What is not named in the cases is not named here.
        report["rare_diseases"] = len(report["rare_diseases"])
    return report


def _rows(cases: Iterable[ReleasedCase]) -> Iterator[tuple[object, ...]]:
    for case in cases:
        disease, name = case.disease or ("", "")
        found = (" ".join(terms) for terms in (case.present, case.absent, case.uncertain))
        confirmed = case.confirmed or ""
        yield (
            case.patient, case.case, case.sex, band_words(case.band), case.entered, confirmed, disease, name,
            "yes" if case.is_withheld else "no", *found,
        )  # fmt: skip


def _packet(
    case: ReleasedCase, labels: Mapping[str, str], *, made_at: str, hpo_release: str
) -> dict[str, Any]:
    findings = [("present", case.present), ("absent", case.absent)]
    start, end = case.band or (0, None)
    content = {
        "id": case.case,
        "age": "",
        "age_range": (f"P{start}Y", f"P{_WITHOUT_END if end is None else end}Y") if case.band else None,
        "findings": [
            {"id": term, "label": labels.get(term, term), "state": state}
            for state, terms in findings
            for term in terms
        ],
        "outcomes": [{"disease": case.disease[0], "name": case.disease[1]}] if case.disease else [],
    }
    patient = {"id": case.patient, "sex": case.sex}
    return phenopacket_of(content, patient, made_at=made_at, hpo_release=hpo_release)


def _labels(cases: Iterable[ReleasedCase]) -> dict[str, str]:
    ids = {term for case in cases for term in (*case.present, *case.absent)}
    return dict(Term.objects.filter(pk__in=ids).values_list("id", "label"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
