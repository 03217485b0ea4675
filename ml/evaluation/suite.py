"""`python -m ml benchmark-suite`: the figures of docs/benchmarks.md from the public files, as reports and tables."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.errors import EngineError
from ml.evaluation.run import write_benchmark
from ml.knowledge.build import OptionalSources, build_knowledge
from ml.training.train import train

TABLES = "figures.md"
_TRAIN = "cases/phenopacket-store.train.jsonl.gz"
_DEV = "cases/phenopacket-store.dev.jsonl.gz"
_REESE = "cases/reese-2026.visible.jsonl.gz"
_ORPHAPACKETS = "knowledge/orphapackets-2025-12.jsonl.gz"
_MAPPINGS = "knowledge/mondo_exactmatch_*.sssom.tsv.gz"
_TRANSLATIONS = "knowledge/hp-es.babelon.tsv.gz"
SOURCES = ("all", "wheel")
_PROTOCOLS = {"raw": "raw", "clean": "leave-publication-out", "fair": "fair"}


class SuiteError(EngineError, ValueError):
    """A public file is not where it was expected; the message says which."""


@dataclass(frozen=True)
class _Row:
    """One line of a table: what was measured, with which sources, and the report (a stratum's part of one)."""

    name: str
    sources: str
    report: dict[str, Any]
    intervals: dict[str, list[float]]


def run_suite(data: Path, out: Path, say: Callable[[str], None] = lambda _: None) -> Path:
    """Build, train and measure; returns the file of tables. The reports stand beside it, one a protocol.

    `data` is a folder with the files that docs/benchmarks.md names, in `cases` and `knowledge`. Raises SuiteError and
    the errors of the steps.
    """
    for name in (_TRAIN, _DEV, _REESE, _ORPHAPACKETS, _TRANSLATIONS):
        if not (data / name).is_file():
            raise SuiteError(
                f"{data / name} is not there; docs/benchmarks.md says where each file comes from"
            )
    knowledge_rows: list[_Row] = []
    strata_rows: list[_Row] = []
    for sources in SOURCES:
        knowledge_rows += _knowledge_only(data, out, sources, say)
        strata_rows += _with_cases(data, out, sources, say)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    header = f"Measured on {today}; 95 % intervals over publications.\n"
    text = "\n".join([header, _table(knowledge_rows), _table(strata_rows)])
    (out / TABLES).write_text(text, encoding="utf-8")
    return out / TABLES


def _knowledge_only(data: Path, out: Path, sources: str, say: Callable[[str], None]) -> list[_Row]:
    """Protocols R: trained on knowledge alone, tested on dev and Reese."""
    knowledge = out / f"knowledge-{sources}"
    optional = OptionalSources()
    if sources == "all":
        optional = OptionalSources(data / _ORPHAPACKETS, sorted(data.glob(_MAPPINGS)), data / _TRANSLATIONS)
    build_knowledge(knowledge, None, say, optional)
    model = out / f"model-{sources}"
    train(model, knowledge, say=say)
    rows = []
    for set_name, cases in (("dev", _DEV), ("Reese", _REESE)):
        for name, protocol in _PROTOCOLS.items():
            say(f"{set_name}, {name}, {sources}")
            report = write_benchmark(
                model, [data / cases], protocol, out / f"{set_name}-{name}-{sources}.json", None, say
            )
            rows.append(_Row(f"{set_name}, {name}", sources, report, report["intervals_95"]))
    return rows


def _with_cases(data: Path, out: Path, sources: str, say: Callable[[str], None]) -> list[_Row]:
    """Protocol S: trained on knowledge and the training cases, tested on dev; beside it, the same without cases."""
    knowledge = out / f"knowledge-{sources}"
    with_cases, alone = out / f"with-cases-{sources}", out / f"alone-{sources}"
    train(with_cases, knowledge, [data / _TRAIN], [data / _DEV], say)
    train(alone, knowledge, (), [data / _DEV], say)
    rows = []
    for name, model in (("with cases", with_cases), ("knowledge alone", alone)):
        say(f"S, {name}, {sources}")
        report = write_benchmark(
            model, [data / _DEV], "raw", out / f"S-{name.replace(' ', '-')}-{sources}.json", None, say,
            strata_of=with_cases,
        )  # fmt: skip
        rows.append(_Row(f"all, {name}", sources, report, report["intervals_95"]))
        rows += [
            _Row(f"{stratum} cases, {name}", sources, part, part["intervals_95"])
            for stratum, part in report["strata"].items()
        ]
    return rows


def _table(rows: Sequence[_Row]) -> str:
    lines = ["| | sources | n | top-1 | top-3 | top-5 | top-10 | MRR | macro | ECE |", "|---" * 10 + "|"]
    for row in rows:
        cells = [row.name, row.sources, f"{row.report['n']:,}"]
        for k in (1, 3, 5, 10):
            figure = _figure(row.report[f"top{k}"])
            interval = row.intervals.get(f"top{k}") if k in (1, 10) else None
            cells.append(f"{figure} [{_figure(interval[0])}, {_figure(interval[1])}]" if interval else figure)
        cells += [_figure(row.report[name]) for name in ("mrr", "macro_top10")]
        cells.append(_figure(row.report.get("ece")))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".removeprefix("0")
