"""`python -m ml cases`, files of any shape to canonical records; `ingest`, the same of any source with a report."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml.folders import write_file
from ml.knowledge.store import gzip_bytes

_MOST_SHOWN = 20


def add_commands(commands: Any) -> None:
    """Add `cases` to the commands of `python -m ml`."""
    cases = commands.add_parser("cases", help="read cases of any shape into canonical records")
    cases.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="JSON, JSON lines, a folder or a zip"
    )
    cases.add_argument(
        "--shape", type=Path, required=True, metavar="FILE.yaml", help="what fields and codes mean"
    )
    cases.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl[.gz]")
    cases.add_argument("--report", type=Path, metavar="FILE.json")
    cases.set_defaults(run=_cases)
    ingest = commands.add_parser(
        "ingest", help="keep a source's files, validate them, and report on every row"
    )
    ingest.add_argument("location", help="a file, folder or pattern, or a URL such as s3://bucket/folder")
    ingest.add_argument(
        "--shape", type=Path, required=True, metavar="FILE.yaml", help="what fields and codes mean"
    )
    ingest.add_argument(
        "--snapshot", required=True, metavar="URL", help="the folder where raw files are kept"
    )
    ingest.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    ingest.add_argument(
        "--knowledge", type=Path, metavar="FOLDER", help="replaces obsolete ids, names unknown ones"
    )
    ingest.add_argument(
        "--last", type=Path, metavar="report.json", help="of the last accepted version, to compare with"
    )
    ingest.add_argument(
        "--error-budget", type=float, default=0.05, help="share of rows, and of files (default 0.05)"
    )
    ingest.set_defaults(run=_ingest)


def _cases(options: argparse.Namespace) -> int:
    from ml.data.reading import ReadingReport, read_source
    from ml.data.records import record_of
    from ml.data.shape import read_shape

    report = ReadingReport()
    records = read_source(options.files, read_shape(options.shape), report)
    content = "".join(json.dumps(record_of(case), ensure_ascii=False) + "\n" for case in records).encode()
    write_file(options.out, gzip_bytes(content) if options.out.suffix == ".gz" else content)
    if options.report is not None:
        write_file(
            options.report, (json.dumps(report.as_dict(), ensure_ascii=False, indent=1) + "\n").encode()
        )
    _show("rejected", report.rejected)
    _show("left out", report.problems)
    n = report.findings
    sys.stdout.write(
        f"{options.out}: {report.cases:,} cases, {len(report.rejected)} rejected; {n.total():,} mentions of "
        f"{len(report.kind_of_code)} codes: {n['exact']:,} read as terms, {n['below']:,} below a term, "
        f"{n['local'] + n['unlisted']:,} local ({len(report.unlisted)} codes that the mapping does not list)\n"
    )
    return 0


def _ingest(options: argparse.Namespace) -> int:
    """0 when accepted, 1 when quarantined: the cases are then written under a name that no example trains on."""
    from ml.data.connectors import Source, open_source
    from ml.data.ingest import ingest
    from ml.data.report import Policy
    from ml.data.shape import read_shape
    from ml.folders import write_folder
    from ml.knowledge import read_knowledge

    ingested = ingest(
        open_source(Source("files", options.location)),
        read_shape(options.shape),
        snapshot=options.snapshot,
        terms=read_knowledge(options.knowledge).terms if options.knowledge else (),
        last=json.loads(options.last.read_text())["statistics"] if options.last else None,
        policy=Policy(error_budget=options.error_budget),
    )
    report = ingested.report
    cases = "cases.jsonl.gz" if report.is_accepted else "quarantined.jsonl.gz"
    write_folder(
        options.out,
        {
            cases: gzip_bytes(ingested.lines()),
            "report.json": (json.dumps(report.as_dict(), ensure_ascii=False, indent=1) + "\n").encode(),
            "report.md": report.as_markdown().encode(),
        },
    )
    sys.stdout.write(
        report.as_markdown().partition("\n## ")[0].rstrip() + f"\n\n{options.out / 'report.md'}\n"
    )
    return 0 if report.is_accepted else 1


def _show(what: str, errors: Iterable[Any]) -> None:
    errors = list(errors)
    for error in errors[:_MOST_SHOWN]:
        sys.stderr.write(f"{error.source}, record {error.line}: {error.detail} ({what})\n")
    if len(errors) > _MOST_SHOWN:
        sys.stderr.write(f"... and {len(errors) - _MOST_SHOWN} more ({what})\n")
