"""The whole loop as one story: a clinic's patients change, the running model gets worse, a better one takes its place.

Nobody asks for anything but what people must decide: they bring the data in, and two of them release the candidate.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.alerts.models import Alert
from apps.alerts.services import raise_alerts
from apps.core.jobs import JobState
from apps.datasets.models import DatasetVersion
from apps.lifecycle.models import Experiment, FiredTrigger, MonitoringPolicy, MonitoringReport
from apps.lifecycle.tasks import watch_model
from apps.predictions.services import Findings, predict, record_feedback
from apps.registry import running
from apps.registry.models import ModelVersion, Proposal
from apps.registry.selectors import active_model as active
from tests.lifecycle.watching import check_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("eager_celery", "quick_gates")]

ALPHA, GAMMA = "OMIM:100001", "OMIM:100003"
VENTRICULAR, ATRIAL, LENS, CATARACT, SHORT = (
    "HP:0000111",
    "HP:0000112",
    "HP:0000220",
    "HP:0000210",
    "HP:0000300",
)
WINDOW = 60
SHAPE = """
source: registry
id: number
diagnosis: confirmed
age: {field: years, unit: years}
sex: {field: sex, values: {f: female, m: male}}
findings:
  - {field: seen, separator: ";", state: present}
  - {field: not seen, separator: ";", state: absent}
"""
Patient = tuple[str, tuple[str, ...], tuple[str, ...]]


def as_published(dice: random.Random) -> Patient:
    """(disease, findings, absent findings) as the literature has them."""
    return dice.choice([(ALPHA, (VENTRICULAR, CATARACT), (LENS,)), (GAMMA, (LENS,), (ATRIAL,))])


def as_they_come_now(dice: random.Random) -> Patient:
    """Gamma disease, in most of them with findings by which the literature knows others."""
    if dice.random() < 0.85:
        return (GAMMA, (ATRIAL, SHORT, CATARACT), (VENTRICULAR, LENS))
    return (ALPHA, (VENTRICULAR, CATARACT), (ATRIAL, SHORT, LENS))


@pytest.fixture
def dice() -> random.Random:
    return random.Random(20261201)


@pytest.fixture
def see(clinician: User, actor_of: Callable[[User], Actor], dice: random.Random) -> Callable[..., float]:
    """`see(60, as_published)`: patients are predicted for and confirmed; the share whose disease came first."""
    actor = actor_of(clinician)

    def seen(n: int, kind: Callable[[random.Random], Patient]) -> float:
        first = 0
        for _ in range(n):
            disease, present, absent = kind(dice)
            age, sex = f"P{dice.randint(1, 60)}Y{dice.randint(0, 11)}M", dice.choice(["female", "male"])
            prediction = predict(actor=actor, findings=Findings(present, absent, age, sex))
            record_feedback(actor=actor, prediction_id=prediction.pk, disease_id=disease)
            first += prediction.output["ranking"][0][0] == disease
        return first / n

    return seen


@pytest.fixture
def watched(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of sixty, and knowledge of whatever age: the small release is made up."""
    settings.RAW_STORE = (tmp_path / "raw").as_uri()
    # Of a list of a few diseases the engine keeps a fifth of all probability for those outside; it is said by the gate.
    thresholds = tmp_path / "thresholds.json"
    thresholds.write_text('{"ece": 0.25}')
    settings.GATE_THRESHOLDS = str(thresholds)
    monkeypatch.setattr(running, "_SECONDS_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr(running, "_slot", running._Slot())
    MonitoringPolicy.objects.update(
        current_size=WINDOW, reference_size=WINDOW, outcomes_size=WINDOW, least_predictions=50, least_outcomes=50,
        skew_sample=5, knowledge_days=3650,
    )  # fmt: skip


def registry_file(dice: random.Random) -> SimpleUploadedFile:
    """Three hundred patients as they come now, from a registry, and three rows that nobody can read."""
    lines = ["number,confirmed,years,sex,seen,not seen"]
    for number in range(320):
        disease, present, absent = as_they_come_now(dice)
        lines.append(
            f"{number},{disease},{dice.randint(1, 60)},{dice.choice('fm')},{';'.join(present)},{';'.join(absent)}"
        )
    lines += ["x1,OMIM:100003,5,f", "x2,,5,f,HP:0000112,", ",OMIM:100003,5,m,HP:0000112,"]
    return SimpleUploadedFile("registry.csv", "\n".join(lines).encode())


def test_drift_leads_to_a_better_model(
    small_world: ModelVersion, watched: None, see: Callable[..., float], dice: random.Random,
    page: Callable[..., Client], user_of: Callable[..., User], django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    one, other = user_of(Role.DATA_SCIENTIST), user_of(Role.DATA_SCIENTIST)
    browser, colleague = page(one), page(other)
    dashboard = reverse("lifecycle:monitoring")

    # All is well.
    before = see(2 * WINDOW, as_published)
    watch_model()
    assert MonitoringReport.objects.get().verdict == "ok"
    assert "<strong>Nothing alarms.</strong>" in browser.get(dashboard).content.decode()

    # Other patients come, of whom a registry has many.
    add = {
        "name": "Registry", "kind": "files", "format": "records", "shape": SHAPE, "error_budget": "0.05",
        "retrains": "on", "is_enabled": "on",
    }  # fmt: skip
    source = browser.post(reverse("datasets:add-source"), add)
    assert source.status_code == 302, source.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        answer = browser.post(f"{source.url}ingest/", {"upload": registry_file(dice)})
    assert answer.status_code == 302, answer.content.decode()
    data = DatasetVersion.objects.get()
    assert (data.state, data.n_cases, data.n_rejected) == ("accepted", 320, 3)

    # The model is worse at them; the next look says so, and one experiment begins by itself.
    worse = see(WINDOW, as_they_come_now)
    assert worse < before - 0.4
    watch_model()
    alarm = MonitoringReport.objects.first()
    assert alarm is not None
    assert alarm.verdict == "alarm"
    assert check_of(alarm, "drift: findings")["verdict"] == "alarm"
    assert check_of(alarm, "outcomes: top-1 of everybody")["verdict"] == "alarm"
    assert raise_alerts(organisation_id=one.organisation_id, now=timezone.now()) >= 2
    assert " checks alarm.</strong>" in browser.get(dashboard).content.decode()
    experiment = Experiment.objects.get()
    assert {trigger.kind for trigger in FiredTrigger.objects.all()} == {"drift", "data"}
    assert (experiment.state, experiment.error, experiment.trigger) == (JobState.SUCCEEDED, "", "drift")
    assert list(experiment.datasets.all()) == [data]

    # Its candidate beat the running model on cases that neither has learned from, and waits for two people.
    candidate = experiment.model
    assert candidate is not None
    assert active() == small_world
    gates = {result["name"]: result for result in experiment.gates.results}
    assert gates["accuracy: top-1"]["verdict"] == "passed"
    assert experiment.verdict != "failed", [g for g in gates.values() if g["verdict"] == "failed"]
    reason = "it names the disease of those who come now; small groups are watched"
    wanted = {"share": 100, "reason": reason, "accepts_doubt": "on"}
    assert browser.post(reverse("lifecycle:propose", args=[candidate.number]), wanted).status_code == 302
    decide = reverse("lifecycle:decide", args=[Proposal.objects.get().pk])
    approval = {"verdict": "approve", "reason": "the gates and the figures hold"}
    assert browser.post(decide, approval).status_code == 403  # not by whoever proposed it
    assert colleague.post(decide, approval).status_code == 302
    assert active() == candidate

    # The dashboard recovers, and nothing else begins.
    better = see(2 * WINDOW, as_they_come_now)
    assert better > worse + 0.4
    watch_model()
    recovered = MonitoringReport.objects.first()
    assert recovered is not None
    assert (recovered.model, recovered.verdict) == (candidate, "ok")
    assert "<strong>Nothing alarms.</strong>" in browser.get(dashboard).content.decode()
    raise_alerts(organisation_id=one.organisation_id, now=timezone.now())
    assert not Alert.objects.filter(kind="monitoring", resolved_at=None).exists()
    assert Experiment.objects.count() == 1
