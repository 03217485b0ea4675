"""Monitoring on made-up predictions: each check alarms when what it watches changes, and says when it cannot know.

How often it alarms is measured in tests/promises/test_drift_alarms.py.
"""

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.monitoring.checks import ALARM, INSUFFICIENT, OK, Check, Limits, Measured, judge, overall
from ml.monitoring.drift import drift_checks
from ml.monitoring.operation import service_checks, skew_checks, staleness_checks
from ml.monitoring.quality import outcome_checks
from ml.monitoring.records import SCHEMA, PredictionRecord

AT = datetime.datetime(2026, 11, 30, 10, 15, tzinfo=datetime.UTC)


def window(n: int, seed: int) -> list[PredictionRecord]:
    """Patients with the same few findings, ages and lists, a third of them followed up."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(n):
        first = float(random.beta(2, 2))
        right = random.random() < first
        made.append(
            PredictionRecord(
                id=f"p{i}", at=AT,
                present=tuple(f"HP:{k:07d}" for k in np.flatnonzero(random.random(40) < 0.15).tolist()),
                age_years=float(random.exponential(20)), sex=str(random.choice(["female", "male"])),
                organisation=str(random.choice(["north", "south"])),
                head=(("OMIM:1", first), ("OMIM:2", (1 - first) / 2)), none_of_these=float(random.beta(1, 9)),
                outcome="OMIM:1" if right else "OMIM:2" if random.random() < 0.8 else "OMIM:3",
                latency_ms=float(random.gamma(4, 3)),
            )
        )  # fmt: skip
    return made


REFERENCE, CURRENT = window(800, 1), window(300, 2)


def verdicts(checks: Sequence[Check]) -> dict[str, str]:
    return {check.name: check.verdict for check in checks}


def changed(**values: Any) -> list[PredictionRecord]:
    return [replace(record, **values) for record in CURRENT]


def test_nothing_changed_nothing_alarms() -> None:
    checks = [
        *drift_checks(REFERENCE, CURRENT),
        *outcome_checks(REFERENCE, CURRENT),
        *service_checks(CURRENT),
    ]
    doubtful = [check for check in checks if check.verdict != OK]
    young_and_old = ("outcomes: top-10 of age <1", "outcomes: top-10 of age 65+")
    assert verdicts(doubtful) == dict.fromkeys(young_and_old, INSUFFICIENT)
    assert all(check.reason.endswith("at least 50 on each side were expected") for check in doubtful)


@pytest.mark.parametrize(
    ("name", "current"),
    [
        ("drift: findings", [replace(r, present=("HP:0000001", *r.present[:4])) for r in CURRENT]),
        ("drift: ages", [replace(r, age_years=(r.age_years or 0) + 10) for r in CURRENT]),
        ("drift: sex", changed(sex="male")),
        ("drift: number of findings", [replace(r, present=r.present[:2]) for r in CURRENT]),
        ("drift: probability of the first disease", changed(head=(("OMIM:1", 0.3),))),
        ("drift: probability of none of these", changed(none_of_these=0.4)),
        ("quality: with an unknown id", changed(unknown=("HP:9999999",))),
        ("quality: with a replaced id", changed(replaced=2)),
        ("quality: with an uncertain finding", changed(uncertain=("HP:0000030",))),
        ("quality: without an age", [replace(r, age_years=None) for r in CURRENT[:150]] + CURRENT[150:]),
        ("quality: without a sex", changed(sex="unknown")),
    ],
)
def test_each_change_of_the_input_alarms(name: str, current: list[PredictionRecord]) -> None:
    assert verdicts(drift_checks(REFERENCE, current))[name] == ALARM


def test_a_certain_but_small_change_is_no_alarm() -> None:
    reference, current = (
        [PredictionRecord("x", AT, ("HP:0000001",), age_years=age + older) for age in np.linspace(0, 90, n)]
        for n, older in ((6000, 0.0), (6000, 5.0))
    )
    (ages,) = (c for c in drift_checks(reference, current) if c.name == "drift: ages")
    assert ages.verdict == OK
    assert "p = 0.0000" in ages.reason


def test_few_predictions_are_no_evidence() -> None:
    assert set(verdicts(drift_checks(REFERENCE, CURRENT[:40])).values()) == {INSUFFICIENT}
    assert set(verdicts(outcome_checks(REFERENCE, CURRENT[:40])).values()) == {INSUFFICIENT}
    assert set(verdicts(outcome_checks(REFERENCE, changed(outcome=None))).values()) == {INSUFFICIENT}
    assert set(verdicts(service_checks(CURRENT[:40])).values()) == {INSUFFICIENT}
    rare = [PredictionRecord(str(i), AT, (f"HP:{i:07d}",)) for i in range(200)]
    assert verdicts(drift_checks(rare, rare))["drift: findings"] == INSUFFICIENT


def test_lists_that_miss_the_disease_alarm_for_all_or_for_whom_it_concerns() -> None:
    missed = verdicts(outcome_checks(REFERENCE, changed(outcome="OMIM:3")))
    assert (missed["outcomes: top-1 of everybody"], missed["outcomes: top-10 of everybody"]) == (ALARM, ALARM)
    assert missed["outcomes: calibration"] == ALARM
    north = [replace(r, outcome="OMIM:3") if r.organisation == "north" else r for r in CURRENT]
    found = verdicts(outcome_checks(REFERENCE, north))
    assert found["outcomes: top-10 of organisation north"] == ALARM
    assert found["outcomes: top-10 of organisation south"] == OK
    better = verdicts(outcome_checks(REFERENCE, changed(outcome="OMIM:1")))
    assert (better["outcomes: top-1 of everybody"], better["outcomes: calibration"]) == (OK, ALARM)


def test_an_old_model_alarms() -> None:
    today = datetime.date(2026, 12, 1)
    young = staleness_checks(today, datetime.date(2026, 11, 1), datetime.date(2026, 2, 1))
    assert [(c.verdict, c.figure) for c in young] == [(OK, 30.0), (OK, 303.0)]
    old = staleness_checks(today, datetime.date(2026, 1, 1), datetime.date(2025, 1, 16))
    assert [c.verdict for c in old] == [ALARM, ALARM]
    assert [c.verdict for c in staleness_checks(today, None, None)] == [INSUFFICIENT] * 2


def test_what_is_computed_otherwise_offline_alarms() -> None:
    assert set(verdicts(skew_checks(CURRENT, CURRENT)).values()) == {OK}
    other_age = [replace(CURRENT[0], age_years=1.25), *CURRENT[1:]]
    assert verdicts(skew_checks(other_age, CURRENT)) == {"skew: input": ALARM, "skew: list": OK}
    other_list = [replace(CURRENT[0], head=(("OMIM:9", 0.5), ("OMIM:1", 0.2))), *CURRENT[1:]]
    assert verdicts(skew_checks(other_list, CURRENT)) == {"skew: input": OK, "skew: list": ALARM}
    (first, p), second = CURRENT[0].head
    nearly = [replace(CURRENT[0], head=((first, p + 1e-6), second)), *CURRENT[1:]]
    assert set(verdicts(skew_checks(nearly, CURRENT)).values()) == {OK}
    ties = [replace(r, head=(("OMIM:1", 0.3), ("OMIM:2", 0.3))) for r in CURRENT]
    turned = [replace(r, head=r.head[::-1]) for r in ties]
    assert set(verdicts(skew_checks(turned, ties)).values()) == {OK}
    assert verdicts(skew_checks([replace(CURRENT[0], head=())], CURRENT))["skew: list"] == ALARM
    assert set(verdicts(skew_checks([], CURRENT)).values()) == {INSUFFICIENT}


def test_slow_and_failing_services_alarm() -> None:
    assert verdicts(service_checks(changed(latency_ms=400.0)))["service: latency"] == ALARM
    failing = [replace(r, error="unavailable") for r in CURRENT[:30]] + CURRENT[30:]
    assert verdicts(service_checks(failing))["service: errors"] == ALARM
    once = [replace(CURRENT[0], error="unavailable"), *CURRENT[1:]]
    assert verdicts(service_checks(once))["service: errors"] == OK


def test_tests_are_corrected_for_how_many_they_are() -> None:
    alone = judge([Measured("a", 0.5, 0.01, 0.1, "")], alpha=0.02)
    assert [c.verdict for c in alone] == [ALARM]
    many = judge([Measured(str(i), 0.5, 0.01, 0.1, "") for i in range(5)], alpha=0.02)
    assert {c.verdict for c in many} == {OK}


def test_an_alarm_outweighs_and_doubt_is_not_ok() -> None:
    ok, alarm, doubt = (Check("x", verdict, None, 0.0, "") for verdict in (OK, ALARM, INSUFFICIENT))
    assert [overall(c) for c in ([ok], [ok, doubt], [ok, doubt, alarm], [])] == [
        OK,
        INSUFFICIENT,
        ALARM,
        INSUFFICIENT,
    ]
    assert Limits().alpha < 0.05


def line(record: PredictionRecord) -> str:
    values = asdict(record) | {"schema": SCHEMA, "at": record.at.isoformat()}
    names = ("present", "absent", "uncertain", "unknown", "replaced", "age_years", "sex")
    return json.dumps(values | {"input": {name: values.pop(name) for name in names}})


def test_the_command_reads_predictions_and_writes_a_report(
    tmp_path: Path, small_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, current, report = (tmp_path / name for name in ("reference", "current", "report.json"))
    reference.write_text("\n".join(map(line, REFERENCE)))
    current.write_text("\n".join(map(line, CURRENT)))
    words = ["monitor", "--reference", str(reference), "--report", str(report), "--model", str(small_model)]
    # the small release is of 2024
    assert main([*words, "--current", str(current), "--replayed", str(current)]) == 1
    found = json.loads(report.read_text())
    assert [c["name"] for c in found["checks"] if c["verdict"] == ALARM] == ["staleness: knowledge"]
    assert {"skew: list", "staleness: training", "service: errors"} <= {c["name"] for c in found["checks"]}
    assert (found["verdict"], found["n_reference"], found["n_current"]) == (ALARM, 800, 300)
    assert "alarm: 300 predictions against 800" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    ["{", "[]", '{"schema": "other/1"}', '{"schema": "hoofbeat-prediction/1", "id": "x"}',
     line(CURRENT[0]).replace('"absent": []', '"absent": "HP:1"'), line(CURRENT[0]).replace("2026-11-30", "yesterday")],
)  # fmt: skip
def test_a_line_that_is_no_prediction_is_named(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text(line(CURRENT[0]) + "\n" + wrong + "\n")
    words = ["monitor", "--reference", str(path), "--current", str(path), "--report", str(tmp_path / "r")]
    assert main(words) == 1
    assert "predictions.jsonl, line 2" in capsys.readouterr().err
    assert main(["monitor", "--reference", str(tmp_path / "no"), *words[3:]]) == 1
