"""`python -m ml benchmark-consultations | calibrate | gates | simulate-questions | simulate-pairs`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ml.folders import write_file


def add_commands(commands: Any) -> None:
    """Add the commands to the engine's command line."""
    _add_calibrate(commands)
    _add_gates(commands)
    _add_simulate_questions(commands)
    _add_simulate_pairs(commands)
    command = commands.add_parser(
        "benchmark-consultations",
        help="common diseases with many cases, from a source's own files (protocol C)",
    )
    command.add_argument("--knowledge", type=Path, required=True, metavar="DIR")
    command.add_argument("--shape", type=Path, required=True, metavar="FILE.yaml")
    command.add_argument(
        "--cross-validate",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="five folds of each",
    )
    command.add_argument(
        "--test", type=Path, nargs=2, action="append", default=[], metavar=("TRAIN", "TEST"),
        help="trained on the first, tested on the second",
    )  # fmt: skip
    command.add_argument("--ablation", action="store_true", help="also without each part of the model")
    command.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    command.set_defaults(run=_benchmark)


def _add_calibrate(commands: Any) -> None:
    command = commands.add_parser(
        "calibrate", help="fit ml/training/trust.json on published cases: probabilities, sets, thresholds"
    )
    command.add_argument(
        "--knowledge", type=Path, nargs="+", action="extend", required=True, metavar="DIR",
        help="one set is fitted for each, without and with cases",
    )  # fmt: skip
    command.add_argument("--cases", type=Path, nargs="+", action="extend", required=True, metavar="FILE")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    command.set_defaults(run=_calibrate)


def _add_gates(commands: Any) -> None:
    command = commands.add_parser(
        "gates", help="may a model replace the running one? Exit code 0 only if every gate passed"
    )
    command.add_argument("--model", type=Path, required=True, metavar="DIR")
    command.add_argument("--running", type=Path, required=True, metavar="DIR")
    command.add_argument("--cases", type=Path, nargs="+", action="extend", required=True, metavar="FILE")
    command.add_argument(
        "--raw", action="store_true",
        help="for cases that no knowledge cites; otherwise what rests on a case's own publication is removed",
    )  # fmt: skip
    command.add_argument(
        "--subgroups", type=Path, metavar="FILE.jsonl",
        help="of cases beside sex and age: lines with a case's id and, for instance, its organisation",
    )  # fmt: skip
    command.add_argument(
        "--thresholds", type=Path, metavar="FILE.json", help="replaces some of the defaults (docs/gates.md)"
    )
    command.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    command.set_defaults(run=_gates)


def _add_simulate_questions(commands: Any) -> None:
    command = commands.add_parser(
        "simulate-questions", help="do the model's questions help more than random ones, on published cases?"
    )
    command.add_argument("--model", type=Path, required=True, metavar="DIR")
    command.add_argument("--cases", type=Path, nargs="+", action="extend", required=True, metavar="FILE")
    command.add_argument(
        "--silent", choices=("skip", "unknown", "no"), default="skip",
        help="of what a publication does not mention: the next question is asked instead (default), the question "
        "counts without answer, or the answer is no",
    )  # fmt: skip
    command.add_argument("--most-cases", type=int, metavar="N", help="a random part of the cases")
    command.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    command.set_defaults(run=_simulate_questions)


def _add_simulate_pairs(commands: Any) -> None:
    command = commands.add_parser(
        "simulate-pairs",
        help="are two diseases recognised where two published cases are merged, and only there?",
    )
    command.add_argument("--model", type=Path, required=True, metavar="DIR")
    command.add_argument("--cases", type=Path, nargs="+", action="extend", required=True, metavar="FILE")
    command.add_argument("--merged", type=int, default=1000, metavar="N", help="merged cases (default: 1000)")
    command.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    command.set_defaults(run=_simulate_pairs)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _write(report: dict[str, Any], path: Path) -> None:
    write_file(path, (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())


def _calibrate(options: argparse.Namespace) -> int:
    from ml.evaluation.calibrate import calibrate

    _write(calibrate(options.knowledge, options.cases, _say), options.out)
    return 0


def _gates(options: argparse.Namespace) -> int:
    from ml.evaluation.gates.measure import check_release
    from ml.evaluation.gates.outcome import PASSED
    from ml.evaluation.gates.thresholds import read_thresholds

    limits = read_thresholds(options.thresholds)
    protocol = "raw" if options.raw else "leave-publication-out"
    report = check_release(
        options.model, options.running, options.cases, protocol, options.subgroups, limits, _say
    )
    _write(report, options.report)
    for gate in report["gates"]:
        print(f"{gate['verdict']:<21} {gate['name']}: {gate['reason']}")  # noqa: T201
    print(f"{report['verdict']}: {report['n']:,} cases of {report['n_groups']:,} groups")  # noqa: T201
    return 0 if report["verdict"] == PASSED else 1


def _simulate_questions(options: argparse.Namespace) -> int:
    from ml.evaluation.questions import simulate_questions

    report = simulate_questions(options.model, options.cases, options.silent, options.most_cases, _say)
    _write(report, options.report)
    result = report["all"]
    for policy in report["answers"]:
        figures = "  ".join(f"{share:.3f}" for share in result[policy]["top10"])
        print(f"{policy:<22} top-10 after 0 to 5 questions: {figures}")  # noqa: T201
    gain = result["top10_gain_over_random"]["mean"]
    print(f"n {result['n']}; over random ones {gain:+.3f}")  # noqa: T201
    return 0


def _simulate_pairs(options: argparse.Namespace) -> int:
    from ml.evaluation.merged import simulate_pairs

    report = simulate_pairs(options.model, options.cases, options.merged)
    _write(report, options.report)
    one, two = report["one_disease"], report["two_diseases"]
    print(  # noqa: T201
        f"one disease: {one['flagged']:.3f} of {one['n']} flagged; two: {two['flagged']:.3f} of {two['n']} flagged, "
        f"both named {two['both_named']:.3f}, one of them {two['one_named']:.3f}"
    )
    return 0


def _benchmark(options: argparse.Namespace) -> int:
    from ml.data.shape import read_shape
    from ml.evaluation.consultations import benchmark_consultations
    from ml.knowledge import read_knowledge

    if not options.cross_validate and not options.test:
        sys.stderr.write("nothing to measure: --cross-validate FILE or --test TRAIN TEST was expected\n")
        return 2
    report = benchmark_consultations(
        read_knowledge(options.knowledge),
        read_shape(options.shape),
        options.cross_validate,
        options.test,
        options.ablation,
        lambda line: print(line, flush=True),  # noqa: T201
    )
    _write(report, options.report)
    return 0
