"""The model card (Mitchell et al. 2019, doi:10.1145/3287560.3287596) of a bundle, from its description alone.

The same description gives the same bytes, because the card is one of the hashed files.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_INTENDED = """A ranked differential diagnosis, with probabilities and the published statement behind each argument,
for clinicians who look for the cause of a patient's findings. The system advises; a clinician decides. It is no medical
device, and no one may be diagnosed, treated or refused treatment by its answer alone."""
_NOT_INTENDED = """- screening of people without findings, and triage of emergencies
- prognosis, treatment, and advice to patients without a clinician
- findings that have no term of the Human Phenotype Ontology, unless the model was trained with local ones"""
_LIMITS = """- What no publication describes cannot be found: diseases without annotations are no candidates, and
  sparsely described ones rank lower than they should.
- Published patients are more typical, more severe and more often children than those of a clinic; figures measured on
  them flatter.
- Annotations rest on publications that describe some ancestries and countries far more than others.
- Probabilities assume that one of the candidates is the cause. What they were measured on stands above; elsewhere they
  are estimates.
- Age of onset and sex are known for a part of the diseases only."""


def model_card(description: Mapping[str, Any]) -> str:
    """The card as Markdown; `description` is what `model.json` of the bundle holds."""
    parts = [
        "# Model card",
        _facts(description),
        "## Intended use\n\n" + _INTENDED + "\n\nNot meant for:\n\n" + _NOT_INTENDED,
        "## Data\n\n" + _sources(description),
        "## Candidates and prior\n\n" + _prior(description),
        "## Parameters\n\n" + _parameters(description["parameters"]),
        "## Calibration of the probabilities\n\n" + _calibration(description["calibration"]),
        "## What was measured\n\n" + _benchmarks(description),
        "## Limits\n\n" + _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _facts(description: Mapping[str, Any]) -> str:
    rows = [
        ("knowledge", description["knowledge_version"]),
        ("release of the HPO", description["hpo_release"]),
        ("diseases ranked", _number(description["n_diseases"])),
        ("terms", _number(description["n_terms"])),
        ("patients learned from", _number(description["n_cases"])),
    ]
    return _table(("", ""), rows)


def _sources(description: Mapping[str, Any]) -> str:
    rows = [
        (source["name"], source["release"], source["licence"], source["sha256"][:12])
        for source in description["sources"]
    ]
    text = _table(("source", "release", "licence", "SHA-256"), rows)
    cases = description.get("cases")
    if cases:
        text += (
            f"\n\nPatients: {_number(cases['used'])} of {_number(cases['read'])} that were read, with "
            f"{_number(cases['diseases'])} diseases. Those without a diagnosis among the candidates "
            f"({_number(cases['undiagnosed'])}) and unreadable ones ({_number(cases['unreadable'])}) were left out."
        )
    else:
        text += (
            "\n\nEach disease is known from published annotations alone; only the global parameters below come from "
            "patients."
        )
    if excluded := description.get("excluded_publications"):
        text += (
            f" Everything that rests on {_number(excluded)} publications was left out, to be measured on their "
            "patients."
        )
    return text


def _prior(description: Mapping[str, Any]) -> str:
    names = description.get("priors") or [description.get("prior", "literature")]
    default = description.get("default_prior", names[0])
    return f"Priors: {', '.join(names)}; without a choice: {default}."


def _parameters(parameters: Mapping[str, Any]) -> str:
    rows = [(what, text) for what, text in parameters.get("provenance", {}).items()]
    return _table(("parameters", "where they come from"), rows) if rows else "No provenance was recorded."


def _calibration(record: Mapping[str, Any]) -> str:
    """Every field that says something; a record in a record gets its own list."""
    state = (
        "Calibrated" if record.get("calibrated") else "Not calibrated: read the probabilities as estimates"
    )
    return f"{state}.\n\n" + "\n".join(_fields({k: v for k, v in record.items() if k != "calibrated"}))


def _fields(record: Mapping[str, Any], depth: int = 0) -> Iterable[str]:
    for key, value in record.items():
        label = "  " * depth + f"- {key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield f"{label}:"
            yield from _fields(value, depth + 1)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            if value and all(isinstance(item, Mapping) for item in value):
                yield f"{label}:"
                yield from ("  " * (depth + 1) + "- " + _line(item) for item in value)
            else:
                yield f"{label}: {', '.join(_text(item) for item in value)}"
        else:
            yield f"{label}: {_text(value)}"


def _benchmarks(description: Mapping[str, Any]) -> str:
    """One line a protocol, of parameters that were measured; none of this bundle's own bytes, which came later."""
    records = description["parameters"].get("benchmarks") or []
    if not records:
        return "Figures of this kind of model, with their commands, stand in docs/benchmarks.md."
    columns = list(dict.fromkeys(key for record in records for key in record))
    return _table(columns, [[record.get(column, "") for column in columns] for record in records])


def _line(record: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_text(value)}" for key, value in record.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return _text(value).replace("|", "\\|").replace("\n", " ")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _number(value: int) -> str:
    return f"{value:,}"
