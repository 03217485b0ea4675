"""Predictions by the hundred, made of one real one, for what watches the running model."""

import random
from collections.abc import Callable, Sequence

import pytest

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.knowledge.models import Disease
from apps.lifecycle.models import MonitoringReport
from apps.lifecycle.monitoring import request_check, run_check
from apps.predictions.models import Feedback, Prediction
from apps.predictions.services import Findings, predict
from tests.conftest import MARFAN_FINDINGS

# Two clinics with other patients: of these findings each patient has three.
USUAL = ("HP:0001166", "HP:0001083", "HP:0002616", "HP:0001519", "HP:0000768", "HP:0000193")
OTHERS = ("HP:0001250", "HP:0001263", "HP:0000252", "HP:0001252", "HP:0000717", "HP:0001290")

Fill = Callable[..., list[Prediction]]


@pytest.fixture
def fill(active_model: object, clinician: User, actor_of: Callable[[User], Actor]) -> Fill:
    """`fill(200)` stores so many predictions of patients as usual; `pool` has other ones, `right` has outcomes."""
    dice = random.Random(20261201)
    real = predict(actor=actor_of(clinician), findings=Findings(MARFAN_FINDINGS, (), "P20Y", "female"))
    first = real.output["ranking"][0][0]
    other = Disease.objects.exclude(pk__in=[row[0] for row in real.output["ranking"]]).order_by("pk")[0]

    def filled(n: int, pool: Sequence[str] = USUAL, right: float | None = None) -> list[Prediction]:
        rows = Prediction.objects.bulk_create(
            Prediction(
                organisation_id=real.organisation_id,
                requested_by_id=clinician.pk,
                model=real.model,
                model_hash=real.model_hash,
                input={
                    "present": dice.sample(pool, 3),
                    "absent": [],
                    "uncertain": [],
                    "age": f"P{dice.randint(1, 40)}Y{dice.randint(0, 11)}M",
                    "sex": dice.choice(["female", "male"]),
                },
                output=real.output,
                notices=[],
                latency_ms=dice.uniform(5, 30),
            )
            for _ in range(n)
        )
        if right is not None:
            Feedback.objects.bulk_create(
                Feedback(
                    prediction=row,
                    disease_id=first if dice.random() < right else other.pk,
                    recorded_by_id=clinician.pk,
                )
                for row in rows
            )
        return rows

    return filled


def checked() -> MonitoringReport:
    """The report of one check, done as the workers do it."""
    check = request_check(actor=SYSTEM)
    run_check(check_id=check.pk)
    check.refresh_from_db()
    assert check.error == ""
    assert check.result is not None
    return check.result


def check_of(report: MonitoringReport, name: str) -> dict:
    """One check of a report."""
    (found,) = [check for check in report.checks if check["name"] == name]
    return found
