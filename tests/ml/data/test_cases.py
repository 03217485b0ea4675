"""`python -m ml cases`: a source's own words and shapes become canonical records, and nothing is dropped silently."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml.cli import main
from tests.ml.data.clinic import SHAPE, record, write_clinic

MURMUR, BLOOD, STRANGE = "LOCAL:clinic/murmur", "LOCAL:clinic/blood%20test", "LOCAL:clinic/odd%3B%20look"


def read(folder: Path, records: list[Any], shape: str = SHAPE) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    source, shape_file = write_clinic(folder, records, shape)
    out, report = folder / "cases.jsonl", folder / "report.json"
    assert (
        main(["cases", str(source), "--shape", str(shape_file), "--out", str(out), "--report", str(report)])
        == 0
    )
    return [json.loads(line) for line in out.read_text().splitlines()], json.loads(report.read_text())


def states(case: dict[str, Any]) -> dict[str, str]:
    return {finding["id"]: finding["state"] for finding in case["findings"]}


def test_codes_become_terms_local_findings_below_terms_or_local_findings(tmp_path: Path) -> None:
    (case,), report = read(
        tmp_path,
        [
            record(
                said={"cloudy": "1", "odd; look": "1"},
                asked={"murmur": "0", "blood test": "2"},
                sex="f",
                months=18,
            )
        ],
    )
    assert states(case) == {"HP:0000210": "present", STRANGE: "present", MURMUR: "absent", BLOOD: "uncertain"}
    by_id = {finding["id"]: finding for finding in case["findings"]}
    assert by_id[MURMUR]["broader"] == ["HP:0000100"]
    assert by_id[BLOOD]["broader"] == by_id[STRANGE]["broader"] == []
    assert [by_id[i]["label"] for i in (MURMUR, BLOOD, STRANGE)] == [
        "heart murmur",
        "blood test",
        "odd; look",
    ]
    assert {f["id"] for f in case["findings"] if f.get("volunteered")} == {"HP:0000210", STRANGE}
    assert (case["age"], case["sex"], case["id"]) == ("P18M", "female", "1")
    assert case["diagnoses"] == [{"id": "OMIM:100003", "label": "Gamma disease"}]
    assert report["findings"] == {"below": 1, "exact": 1, "local": 1, "unlisted": 1}
    assert report["unlisted"] == {"odd; look": 1}


def test_diagnoses_may_be_broader_or_the_source_s_own(tmp_path: Path) -> None:
    cases, report = read(tmp_path, [record(1, "alpha in children"), record(2, "Ärger")])
    assert [case["diagnoses"] for case in cases] == [
        [{"id": "OMIM:100001", "label": "Alpha syndrome"}],
        [{"id": "LOCAL:clinic/Ärger", "label": "Ärger"}],
    ]
    assert report["diagnoses"] == {"alpha in children": 1, "Ärger": 1}


def test_measured_values_beyond_a_limit_are_findings_and_units_are_never_guessed(tmp_path: Path) -> None:
    values = [
        {"test": "K", "result": "6.1", "unit": "mmol/L"},
        {"test": "Na", "result": 128, "unit": "mmol/L"},
        {"test": "Cl", "result": 1, "unit": "?"},  # no limit is known: nothing to say
    ]
    within = [{"test": "K", "result": 5.5, "unit": "mmol/L"}]
    odd = [
        {"test": "K", "result": 25, "unit": "mg/dL"},
        {"test": "K", "result": "6,1", "unit": "mmol/L"},
        {"test": "K", "result": 10**400, "unit": "mmol/L"},
        "K 7",
    ]
    cases, report = read(tmp_path, [record(laboratory=part) for part in (values, within, odd, "K 7")])
    assert [states(case) for case in cases] == [
        {"HP:0000300": "present", "LOCAL:clinic/low%20sodium": "present"},
        {"HP:0000300": "absent"},
        {},
        {},
    ]
    details = [(problem["record"], problem["detail"]) for problem in report["problems"]]
    assert [number for number, _ in details] == [3, 3, 3, 3, 4]
    assert "unit 'mg/dL'; limits are known for mmol/L only" in details[0][1]
    assert "'6,1' is no number" in details[1][1]
    assert details[2][1].endswith("is no number")
    assert details[4][1] == "laboratory: 'K 7'; a list was expected"


def test_a_bad_record_is_named_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [
        record(said={"cloudy": "7"}),
        record(asked=None),
        record(number=None),
        "text",
        record(said={"": "1"}),
    ]
    odd = record(months="old", sex="x", said={"cloudy": "1"}, asked={"cloudy": "0"})
    cases, report = read(tmp_path, [*bad, odd, record(9)])
    assert [case["id"] for case in cases] == ["1", "9"]
    assert states(cases[0]) == {"HP:0000210": "present"}
    assert report["contradictory"] == 1
    assert [(e["record"], e["source"]) for e in report["rejected"]] == [
        (k, "records.json") for k in range(1, 6)
    ]
    assert report["rejected"][0]["detail"] == "said.cloudy: state '7'; one of 1, 0, 2 was expected"
    assert [e["detail"].split(":")[0] for e in report["problems"]] == ["months", "sex"]
    assert "records.json, record 1: said.cloudy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("id: number", "id: 3"), "shape.yaml, id: 3; a text was expected"),
        (("id: number", "colour: red"), "one of the keys"),
        (('"0": absent', '"0": gone'), "findings[0].states.0: 'gone'; one of present, absent, uncertain"),
        (("limit: 5.5", "limit: high"), "measurements.limits[0].limit: 'high'; a number was expected"),
        (('operator: ">"', 'operator: "=>"'), "measurements.limits[0].operator"),
        (("unit: months", "unit: moons"), "age.unit: 'moons'"),
        (("unit: months", "unit: [months]"), "age.unit: ['months']"),
        (("findings: findings.sssom.tsv", "findings: 3"), "mappings.findings: 3; a text was expected"),
        (("source: clinic", "source: elsewhere"), "findings.sssom.tsv: subject clinic:"),
        (("findings.sssom.tsv", "nothing.tsv"), "nothing.tsv cannot be read"),
        (("source: clinic", "source: [clinic"), "is no YAML"),
    ],
)
def test_a_shape_file_is_checked(
    tmp_path: Path, change: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, shape = write_clinic(tmp_path, [record()], SHAPE.replace(*change))
    assert main(["cases", str(source), "--shape", str(shape), "--out", str(tmp_path / "out.jsonl")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
