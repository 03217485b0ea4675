"""Monitoring alarms within one window of a real change, and hardly ever without one: both rates are measured here.

Patients are drawn from the annotations of the real knowledge, so that findings are as many, as rare and as bound to
each other as those of HPO are. Windows hold 200 predictions, references 400, drawn from 6,000 patients of a clinic.
"""

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.monitoring.checks import ALARM
from ml.monitoring.drift import drift_checks
from ml.monitoring.records import PredictionRecord
from ml.serving.artefact import ANNOTATIONS, read_bundle, unpack_table

REFERENCE, WINDOW, PATIENTS = 400, 200, 6000
STABLE_WINDOWS, SHIFTED_WINDOWS = 200, 20
START = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)


class Clinic:
    """A clinic that sees some diseases more often than others (Zipf), with the findings that are published of them."""

    def __init__(self, model: Path, *, preferences: int, mean_age: float) -> None:
        table = unpack_table(read_bundle(model).files[ANNOTATIONS])
        diseases = np.random.default_rng(preferences).permutation(len(table.diseases))[:2000]
        order = np.argsort(table.columns["disease"], kind="stable")
        start = np.searchsorted(table.columns["disease"][order], np.arange(len(table.diseases) + 1))
        self._findings = [
            np.unique(table.columns["term"][order[start[d] : start[d + 1]]]) for d in diseases.tolist()
        ]
        weight = 1 / np.arange(1, len(diseases) + 1)
        self._weight = weight / weight.sum()
        self._mean_age = mean_age
        self._terms = table.terms

        random = np.random.default_rng(preferences)
        self._patients = [self._prediction(i, random) for i in range(PATIENTS)]

    def windows(
        self, random: np.random.Generator, other: "Clinic | None" = None
    ) -> tuple[list[PredictionRecord], list[PredictionRecord]]:
        """A reference of this clinic, and a window of other patients of it, or of another one."""
        drawn = random.choice(PATIENTS, REFERENCE + WINDOW, replace=False).tolist()
        of = (other or self)._patients
        return [self._patients[i] for i in drawn[:REFERENCE]], [of[i] for i in drawn[REFERENCE:]]

    def _prediction(self, number: int, random: np.random.Generator) -> PredictionRecord:
        findings = self._findings[random.choice(len(self._weight), p=self._weight)]
        stated = findings[random.random(len(findings)) < 0.4]
        noise = random.integers(0, len(self._terms), 1)
        ids = [self._terms[t] for t in {*stated.tolist(), *noise.tolist()}]
        present = tuple(ids)
        first = float(random.beta(1 + len(present) / 3, 3))
        return PredictionRecord(
            id=str(number), at=START, present=present,
            uncertain=present[:1] if random.random() < 0.05 else (), replaced=int(random.random() < 0.03),
            age_years=None if random.random() < 0.1 else float(random.exponential(self._mean_age)),
            sex=str(random.choice(["female", "male", "unknown"], p=[0.47, 0.47, 0.06])),
            head=(("OMIM:1", first),), none_of_these=float(random.beta(1, 9)),
        )  # fmt: skip


@pytest.fixture(scope="module")
def clinic(model_dir: Path) -> Clinic:
    return Clinic(model_dir, preferences=1, mean_age=20)


def alarms(reference: list[PredictionRecord], current: list[PredictionRecord]) -> list[str]:
    return [check.name for check in drift_checks(reference, current) if check.verdict == ALARM]


def recoded(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    """A fifth of its ids mean nothing to the knowledge."""
    lost = {finding for finding in record.present if random.random() < 0.2}
    return replace(record, present=tuple(f for f in record.present if f not in lost), unknown=tuple(lost))


def test_a_new_clinic_alarms_within_one_window(clinic: Clinic, model_dir: Path) -> None:
    new = Clinic(model_dir, preferences=2, mean_age=45)
    found = [alarms(*clinic.windows(np.random.default_rng(seed), new)) for seed in range(SHIFTED_WINDOWS)]
    caught = sum({"drift: findings", "drift: ages"} <= set(names) for names in found)
    print(f"new clinic, both findings and ages alarm: {caught} of {SHIFTED_WINDOWS} windows")
    assert caught == SHIFTED_WINDOWS


def test_a_change_of_coding_alarms_within_one_window(clinic: Clinic) -> None:
    caught = 0
    for seed in range(SHIFTED_WINDOWS):
        random = np.random.default_rng(seed)
        reference, current = clinic.windows(random)
        caught += "quality: with an unknown id" in alarms(reference, [recoded(r, random) for r in current])
    print(f"20 % of ids unknown: {caught} of {SHIFTED_WINDOWS} windows")
    assert caught == SHIFTED_WINDOWS


def test_stable_windows_hardly_ever_alarm(clinic: Clinic) -> None:
    random = np.random.default_rng(20261201)
    raised = [names for names in (alarms(*clinic.windows(random)) for _ in range(STABLE_WINDOWS)) if names]
    print(f"stable windows with any alarm: {len(raised)} of {STABLE_WINDOWS} {raised}")
    assert len(raised) <= 0.05 * STABLE_WINDOWS
