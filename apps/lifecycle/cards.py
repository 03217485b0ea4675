"""What a model card says that the bundle cannot know: the experiment that made the model, and what the gates said."""

from apps.lifecycle.models import Experiment
from apps.registry.gates import FAILED, INSUFFICIENT, PASSED, named
from apps.registry.models import GateReport


def record_text(experiment: Experiment | None, gates: GateReport | None) -> str:
    """Markdown in English, as the card of the bundle is."""
    lines = ["", "## How it was made and judged", ""]
    if experiment is None:
        lines.append(
            "It was registered by hand: no experiment of this installation says from which cases it learned."
        )
    else:
        lines += _of_experiment(experiment)
    lines.append("")
    if gates is None:
        lines.append("The gates were never asked about it.")
        return "\n".join(lines) + "\n"
    passed, failed, doubtful = (named(gates.results, verdict) for verdict in (PASSED, FAILED, INSUFFICIENT))
    counts = f"{len(passed)} passed, {len(failed)} failed, {len(doubtful)} had too little evidence."
    lines += [
        f"Gates, {gates.created_at:%Y-%m-%d}: {counts}",
        "",
        "| gate | verdict | why |",
        "|---|---|---|",
    ]
    for result in gates.results:
        cells = (result["name"], result["verdict"], result["reason"])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if doubtful:
        names = ", ".join(result["name"] for result in doubtful)
        lines += ["", f"Not shown, for want of cases: {names}."]
    return "\n".join(lines) + "\n"


def _of_experiment(experiment: Experiment) -> list[str]:
    record = experiment.record
    lines = [f"Experiment {experiment.pk}, begun by: {experiment.trigger}. {experiment.reason}".rstrip()]
    if "cases" not in record:
        return lines  # from before experiments kept a record
    cases = record["cases"]
    lines += [
        "",
        f"- code {record['code']}, locked packages {record['lock_sha256']}, knowledge {record['knowledge']}",
        f"- seed {experiment.seed}",
        "- learned from: " + _versions(record["datasets"]) + f"; {cases['train']} cases of them",
        (
            "- judged on: " + _versions(record["evaluation"])
            if cases["named"]
            else "- judged on the fifth of these cases that every experiment holds out"
        )
        + f"; {cases['held_out']} cases of {cases['held_out_groups']} patients or publications",
    ]
    if record.get("judged", {}).get("running_learned_from_them"):
        lines.append("- the model that it was compared with had learned from cases that judge here")
    return lines


def _versions(datasets: list[dict[str, object]]) -> str:
    return ", ".join(f"{d['n_cases']} cases ({str(d['hash'])[:12]})" for d in datasets)
