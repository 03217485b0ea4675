"""A small source of cases with its own words, written by hand, for the hand-written release."""

import json
from pathlib import Path
from typing import Any

SHAPE = """
source: clinic
id: number
diagnosis: verdict
age: {field: months, unit: months}
sex: {field: sex, values: {m: male, f: female}}
findings:
  - {field: said, volunteered: true, states: {"1": present, "0": absent, "2": uncertain}}
  - {field: asked, states: {"1": present, "0": absent, "2": uncertain}}
measurements:
  field: laboratory
  code: test
  value: result
  unit: unit
  limits:
    - {code: K, operator: ">", limit: 5.5, unit: mmol/L, finding: HP:0000300}
    - {code: Na, operator: "<", limit: 130, unit: mmol/L, finding: low sodium}
mappings: {findings: findings.sssom.tsv, diagnoses: diagnoses.sssom.tsv}
"""

FINDINGS = [
    ("clinic:cloudy", "cloudy lens", "skos:exactMatch", "HP:0000210", "Cataract"),
    ("clinic:murmur", "heart murmur", "skos:broadMatch", "HP:0000100", "Abnormal heart"),
    ("clinic:blood%20test", "blood test", "skos:exactMatch", "sssom:NoTermFound", ""),
    ("clinic:low%20sodium", "low sodium", "skos:closeMatch", "HP:0000300", "Short stature"),
]
DIAGNOSES = [
    ("clinic:alpha in children", "alpha", "skos:broadMatch", "OMIM:100001", "Alpha syndrome"),
    ("clinic:gamma", "gamma", "skos:exactMatch", "OMIM:100003", "Gamma disease"),
]


def record(number: int | str = 1, verdict: str = "gamma", **fields: Any) -> dict[str, Any]:
    """One consultation as the source writes it."""
    return {"number": number, "said": {}, "asked": {}, "verdict": verdict} | fields


def write_clinic(folder: Path, records: list[Any], shape: str = SHAPE) -> tuple[Path, Path]:
    """(records file, shape file); the mapping sets stand beside the shape."""
    folder.mkdir(exist_ok=True)
    for name, rows in (("findings", FINDINGS), ("diagnoses", DIAGNOSES)):
        lines = ["subject_id\tsubject_label\tpredicate_id\tobject_id\tobject_label"]
        lines += ["\t".join((row[0].replace(" ", "%20"), *row[1:])) for row in rows]
        (folder / f"{name}.sssom.tsv").write_text("\n".join(lines) + "\n")
    (folder / "shape.yaml").write_text(shape)
    (folder / "records.json").write_text(json.dumps(records, ensure_ascii=False))
    return folder / "records.json", folder / "shape.yaml"
