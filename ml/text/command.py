"""`python -m ml text` and `python -m ml text-benchmark`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ml.folders import write_file
from ml.text.notes import InvalidNote, Notes

_LARGEST_FILE = 4_000_000


def add_commands(commands: Any) -> None:
    """Add both commands to the engine's command line."""
    text = commands.add_parser("text", help="findings in a clinical note")
    text.add_argument("--knowledge", type=Path, required=True, metavar="DIR")
    text.add_argument(
        "--translations", type=Path, metavar="FILE", help="Babelon table of HPO labels, for Spanish"
    )
    text.add_argument("--language", choices=("en", "es"), help="default: told from the text")
    text.add_argument("--encoding", default="utf-8", metavar="NAME", help="of the note; default: utf-8")
    text.add_argument("--json", action="store_true", help="print JSON")
    text.add_argument("note", metavar="FILE", help="the note; - reads standard input")
    text.set_defaults(run=_text)

    benchmark = commands.add_parser("text-benchmark", help="compare findings with an annotated corpus")
    benchmark.add_argument("--knowledge", type=Path, required=True, metavar="DIR")
    benchmark.add_argument("--corpus", type=Path, required=True, metavar="FILE", help="JSON as GSC+ has it")
    benchmark.add_argument("--report", type=Path, metavar="FILE.json")
    benchmark.set_defaults(run=_benchmark)


def _text(options: argparse.Namespace) -> int:
    from ml.text.extractor import Extractor

    try:
        note = _read(options.note, options.encoding)
        notes = Extractor.load(options.knowledge, options.translations).extract(note, options.language)
    except InvalidNote as error:
        _print(f"error: {error}", sys.stderr)
        return 2
    _print(json.dumps(notes.as_json(), ensure_ascii=False, indent=1) if options.json else _table(notes))
    return 0


def _read(name: str, encoding: str) -> str:
    try:
        raw = sys.stdin.buffer.read(_LARGEST_FILE + 1) if name == "-" else _bytes_of(Path(name))
    except OSError as error:
        raise InvalidNote("unreadable", f"{name} cannot be read: {error.strerror or error}") from error
    if len(raw) > _LARGEST_FILE:
        raise InvalidNote("too_long", f"{name} is larger than {_LARGEST_FILE:,} bytes; one note was expected")
    if b"\0" in raw and encoding.lower().replace("-", "") in ("utf8", "latin1"):
        raise InvalidNote(
            "binary", f"{name} holds NUL bytes, so it is no text in {encoding}; plain text was expected"
        )
    try:
        return raw.decode("utf-8-sig" if encoding.lower() == "utf-8" else encoding)
    except LookupError as error:
        raise InvalidNote(
            "encoding", f"{encoding!r} is no known encoding; utf-8 or latin-1, for example"
        ) from error
    except UnicodeDecodeError as error:
        detail = f"{name} is no {encoding} text (byte {error.start}); name the encoding, such as --encoding latin-1"
        raise InvalidNote("encoding", detail) from error


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_LARGEST_FILE + 1)


def _table(notes: Notes) -> str:
    lines = []
    for mention in notes.mentions:
        status = f"{mention.status}{' (not)' if mention.status == 'family' and mention.negated else ''}"
        kind = "" if mention.is_phenotype else "  [no finding]"
        words = " ".join(mention.text.split())
        lines.append(
            f"{status:<12} {mention.id}  {mention.label:<40} {mention.start:>6}-{mention.end:<6} {mention.score:.2f}  "
            f"{words}{kind}"
        )
    lines.append(
        f"{len(notes.present)} present, {len(notes.absent)} absent, {len(notes.family)} of the family, "
        f"{len(notes.uncertain)} uncertain; language {notes.language}"
    )
    return "\n".join(lines)


def _benchmark(options: argparse.Namespace) -> int:
    from ml.text.benchmark import run_benchmark

    report = run_benchmark(options.corpus, options.knowledge, lambda line: _print(line, sys.stderr))
    if options.report is not None:
        write_file(options.report, (json.dumps(report, indent=1) + "\n").encode())
    for name, result in report["systems"].items():
        for scope in ("phenotypes", "all"):
            figures = result[scope]
            _print(
                f"{name:<12} {scope:<11} precision {figures['precision']:.4f}  recall {figures['recall']:.4f}  "
                f"F1 {figures['f1']:.4f} [{figures['low']:.3f}, {figures['high']:.3f}]  "
                f"{result['ms_per_page']:.1f} ms a page"
            )
    _print(
        f"n {report['n']} documents, {report['n_annotations']} annotations, knowledge {report['knowledge']}"
    )
    return 0


def _print(line: str, stream: Any = None) -> None:
    (stream or sys.stdout).write(line + "\n")
