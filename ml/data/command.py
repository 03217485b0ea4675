"""`python -m ml cases`, files of any shape to canonical records; `ingest`, the same of any source with a report;
`propose-mapping`, a first shape and mapping for a sample."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.folders import write_file
from ml.knowledge.store import gzip_bytes

if TYPE_CHECKING:
    from ml.data.source_file import Described

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
        "ingest", help="keep what a source gives, validate it, and report on every row"
    )
    ingest.add_argument(
        "location", metavar="LOCATION|SOURCE.yaml", help="a file, folder or pattern, a URL such as s3://bucket/folder, "
        "or a file that describes a source: a REST API, FHIR server, database, SOAP service, or a plug-in's",
    )  # fmt: skip
    ingest.add_argument(
        "--shape", type=Path, metavar="FILE.yaml", help="what fields and codes mean; default: the one that SOURCE.yaml "
        "names; without any, records are phenopackets or canonical records",
    )  # fmt: skip
    ingest.add_argument(
        "--snapshot", required=True, metavar="URL", help="the folder where raw files are kept"
    )
    ingest.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    ingest.add_argument(
        "--knowledge",
        type=Path,
        metavar="FOLDER",
        help="replaces obsolete ids, names unknown ones, reads notes",
    )
    ingest.add_argument(
        "--last", type=Path, metavar="report.json", help="of the last accepted version, to compare with"
    )
    ingest.add_argument(
        "--error-budget", type=float, default=0.05, help="share of rows, and of files (default 0.05)"
    )
    ingest.set_defaults(run=_ingest)
    propose = commands.add_parser(
        "propose-mapping",
        help="look at a sample, and propose a shape and what its codes mean, for you to correct",
    )
    propose.add_argument(
        "file", type=Path, metavar="FILE", help="CSV, TSV, JSON, JSON lines, Excel or Parquet"
    )
    propose.add_argument("--knowledge", type=Path, required=True, metavar="FOLDER")
    propose.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    propose.add_argument(
        "--source", metavar="NAME", help="prefix of the codes; default: the name of the file"
    )
    propose.set_defaults(run=_propose)


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
    from ml.data.connectors import open_source
    from ml.data.ingest import ingest
    from ml.data.report import Policy
    from ml.folders import write_folder
    from ml.knowledge import read_knowledge
    from ml.text import Extractor

    described = _described(options.location, options.shape)
    reads_notes = described.shape is not None and described.shape.notes and options.knowledge
    ingested = ingest(
        open_source(described.source),
        described.shape,
        snapshot=options.snapshot,
        form=described.format,
        extractor=Extractor.load(options.knowledge) if reads_notes else None,
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


def _propose(options: argparse.Namespace) -> int:
    from ml.data.assistant import look_at, names_of_knowledge
    from ml.data.connectors import Blob
    from ml.data.profile import codes_in, guess, prefix_of, problems_of, shape_yaml
    from ml.data.proposals import propose_all, proposed_sssom
    from ml.folders import write_folder

    sample = look_at(Blob(options.file.name, options.file.read_bytes()))
    layout, prefix = guess(sample), prefix_of(options.source or options.file.name.partition(".")[0])
    findings, diagnoses = names_of_knowledge(options.knowledge)
    proposed = [
        propose_all(names, codes)
        for names, codes in zip((findings, diagnoses), codes_in(sample, layout), strict=True)
    ]
    shape = shape_yaml(prefix, layout, with_findings=bool(proposed[0]), with_diagnoses=bool(proposed[1]))
    problems = problems_of(layout)
    head = "".join(f"# TO DO: {problem}\n" for problem in problems)
    files = {"shape.yaml": (head + shape).encode()}
    for what, found in zip(("findings", "diagnoses"), proposed, strict=True):
        if found:
            files[f"{what}.sssom.tsv"] = proposed_sssom(prefix, what, found).encode()
    write_folder(options.out, files)
    for column in sample.columns:
        sys.stdout.write(
            f"{column.name}: {layout[column.name]['role']}; {column.n_filled:,} of {sample.n_records:,} filled, "
            f"{column.n_distinct:,} distinct, such as {', '.join(column.examples[:3])}\n"
        )
    for what, found in zip(("findings", "diagnoses"), proposed, strict=True):
        exact = sum(proposal.is_exact for proposal in found)
        like = sum(bool(proposal.id) for proposal in found) - exact
        sys.stdout.write(
            f"{what}: {len(found):,} codes, {exact:,} with the same name, {like:,} with one like it, "
            f"{len(found) - exact - like:,} without\n"
        )
    for problem in problems:
        sys.stderr.write(f"to do: {problem}\n")
    sys.stdout.write(f"{options.out}: read what is proposed and correct it, before you ingest by it\n")
    return 0


def _described(location: str, shape: Path | None) -> "Described":
    from ml.data.connectors import Source
    from ml.data.shape import read_shape
    from ml.data.source_file import SUFFIXES, Described, read_source_file

    if location.lower().endswith(SUFFIXES):
        return read_source_file(Path(location), shape)
    return Described(Source("files", location), None if shape is None else read_shape(shape), "records")


def _show(what: str, errors: Iterable[Any]) -> None:
    errors = list(errors)
    for error in errors[:_MOST_SHOWN]:
        sys.stderr.write(f"{error.source}, record {error.line}: {error.detail} ({what})\n")
    if len(errors) > _MOST_SHOWN:
        sys.stderr.write(f"... and {len(errors) - _MOST_SHOWN} more ({what})\n")
