"""The report of an ingestion: kept as rows, and put together again for those who download it."""

from dataclasses import asdict
from itertools import islice
from typing import Any

from apps.datasets.models import Ingestion, ReportEntry
from ml.data.report import Entry, IngestionReport

# A source of which everything is wrong says so often enough with these; the counts are of all.
MOST_ENTRIES = 20_000
_BATCH = 2000
_KINDS = tuple(ReportEntry.Kind.values)


def keep_report(ingestion: Ingestion, report: IngestionReport) -> None:
    """Write the figures into the ingestion, which is not saved, and the lines into their table, anew."""
    entries = {kind: getattr(report, kind) for kind in _KINDS}
    ingestion.summary = storable(
        {
            "files": dict(report.files),
            "n_rows": report.n_rows,
            "n_used": report.n_used,
            "codes": dict(report.codes),
            "n_unlisted": len(report.unlisted),
            "statistics": dict(report.statistics),
            "quarantine": list(report.quarantine),
            "counts": {kind: len(lines) for kind, lines in entries.items()},
        }
    )
    ingestion.entries.all().delete()
    ReportEntry.objects.bulk_create(
        (
            ReportEntry(
                ingestion=ingestion,
                kind=kind,
                **{name: storable(value) for name, value in asdict(line).items()},
            )
            for kind, lines in entries.items()
            for line in islice(lines, MOST_ENTRIES)
        ),
        batch_size=_BATCH,
    )


def storable(value: Any) -> Any:
    """A text without what PostgreSQL takes in none: NUL, and halves of characters; U+FFFD stands in their place."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list) else value


def report_of(ingestion: Ingestion) -> IngestionReport:
    """The report as it was, without the codes that no mapping set lists one by one."""
    summary = ingestion.summary
    lines: dict[str, list[Entry]] = {kind: [] for kind in _KINDS}
    for row in ingestion.entries.order_by("id").iterator():
        lines[row.kind].append(Entry(row.file, row.row, row.why, row.field, row.before, row.after))
    return IngestionReport(
        files=summary["files"],
        n_rows=summary["n_rows"],
        n_used=summary["n_used"],
        codes=summary["codes"],
        unlisted={},
        statistics=summary["statistics"],
        quarantine=tuple(summary["quarantine"]),
        **{kind: tuple(found) for kind, found in lines.items()},
    )
