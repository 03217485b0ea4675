"""`python -m ml cases`: files of any shape to canonical case records."""

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


def _show(what: str, errors: Iterable[Any]) -> None:
    errors = list(errors)
    for error in errors[:_MOST_SHOWN]:
        sys.stderr.write(f"{error.source}, record {error.line}: {error.detail} ({what})\n")
    if len(errors) > _MOST_SHOWN:
        sys.stderr.write(f"... and {len(errors) - _MOST_SHOWN} more ({what})\n")
