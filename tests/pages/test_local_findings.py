"""Findings that HPO lacks are found, recorded, ranked by and learned from as others, if the model knows them."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.cases.models import Case
from apps.cases.services import record_outcome
from apps.datasets.services import snapshot_confirmed_cases
from apps.knowledge.services import load_knowledge
from apps.registry import running
from apps.registry.services import activate_model, register_model
from ml.cli import main
from ml.knowledge.build import build_knowledge
from ml.serving import Predictor
from ml.training.train import train
from tests.ml.data.clinic import record, write_clinic
from tests.ml.release import write_release

pytestmark = pytest.mark.django_db

MURMUR, BLOOD = "LOCAL:clinic/murmur", "LOCAL:clinic/blood%20test"
ALPHA = "OMIM:100001"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local")
    build_knowledge(folder / "knowledge", str(write_release(folder / "release")))
    return folder / "knowledge"


@pytest.fixture(scope="module")
def plain(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learned no local finding."""
    folder = tmp_path_factory.mktemp("plain") / "model"
    train(folder, release)
    return folder


@pytest.fixture(scope="module")
def learned(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learned two from a clinic's cases."""
    folder = tmp_path_factory.mktemp("learned")
    records = [record(n, "alpha in children", said={"murmur": "1"}) for n in range(4)]
    records += [record(10 + n, "gamma", asked={"blood test": "1", "cloudy": "1"}) for n in range(4)]
    source, shape = write_clinic(folder / "source", records)
    assert main(["cases", str(source), "--shape", str(shape), "--out", str(folder / "cases.jsonl")]) == 0
    train(folder / "model", release, [folder / "cases.jsonl"])
    return folder / "model"


@pytest.fixture
def activate(
    knowledge: Any, release: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Callable[[Path], None]:
    settings.SHIPPED_MODELS_ANSWER = True
    load_knowledge(actor=SYSTEM, folder=release)

    def activate(folder: Path) -> None:
        model, _is_new = register_model(actor=SYSTEM, folder=folder)
        activate_model(model=model)
        monkeypatch.setattr(running, "_slot", running._Slot())

    return activate


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


def suggested(browser: Client, typed: str) -> str:
    return browser.get(reverse("knowledge:terms"), {"q": typed}).content.decode()


def enter_case(browser: Client, finding: str) -> Case:
    form = {"pseudonym": "P-1", "sex": "female", "care": "on", "channel": "oral", "finding": finding}
    answer = browser.post(reverse("cases:new"), form)
    assert answer.status_code == 302, answer.content.decode()
    return Case.objects.get()


def test_on_the_pages(browser: Client, activate: Callable[[Path], None], learned: Path) -> None:
    activate(learned)
    assert f'data-id="{MURMUR}"' in suggested(browser, "murmur")
    case = enter_case(browser, MURMUR)
    assert browser.post(reverse("predictions:predict", args=[case.pk])).status_code == 302
    shown = browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert "heart murmur" in shown
    prediction = case.predictions.get()
    assert prediction.output["ranking"][0][0] == ALPHA
    opened = browser.get(reverse("predictions:reasons", args=[prediction.pk, ALPHA])).content.decode()
    assert "heart murmur" in opened


def test_in_the_api(api: Any, clinician: User, activate: Callable[[Path], None], learned: Path) -> None:
    activate(learned)
    answer = api(clinician).post("/api/v1/predictions/", {"findings": {"present": [BLOOD]}}, format="json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["ranking"][0]["disease"]["id"] == "OMIM:100003"
    term = api(clinician).get("/api/v1/terms/LOCAL:clinic/blood%2520test/")
    assert term.status_code == 200, term.content
    assert (term.json()["id"], term.json()["label"]) == (BLOOD, "blood test")


def test_a_retraining_learns_from_them(
    browser: Client, activate: Callable[[Path], None], learned: Path, release: Path, clinician: User,
    actor_of: Callable[[User], Actor], case_of: Callable[..., Case], tmp_path: Path, settings: Any,
) -> None:  # fmt: skip
    settings.DATA_STORE = tmp_path / "datasets"
    activate(learned)
    case = case_of(clinician, present=(MURMUR,), absent=(BLOOD,), consents={"care": True, "training": True})
    record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=ALPHA)
    dataset = Path(snapshot_confirmed_cases(actor=SYSTEM).path)
    (line,) = [json.loads(line) for line in gzip.decompress(dataset.read_bytes()).splitlines()]
    assert {"id": MURMUR, "state": "present", "label": "heart murmur", "broader": ["HP:0000100"]} in line[
        "findings"
    ]
    train(tmp_path / "again", release, [dataset])
    assert {finding.id for finding in Predictor.load(tmp_path / "again").vocabulary.local_findings()} == {
        MURMUR,
        BLOOD,
    }


def test_after_another_model_they_are_offered_no_longer_and_what_was_recorded_stays(
    browser: Client, activate: Callable[[Path], None], learned: Path, plain: Path, release: Path
) -> None:
    activate(learned)
    case = enter_case(browser, MURMUR)
    activate(plain)
    assert MURMUR not in suggested(browser, "murmur")
    address = reverse("predictions:consultation", args=[case.pk])
    assert "heart murmur" in browser.get(address).content.decode()
    refused = browser.post(reverse("predictions:predict", args=[case.pk]), follow=True).content.decode()
    assert f"“{MURMUR}” is a finding that the running model has not learned; take it off." in refused
    assert not case.predictions.exists()
    activate_model(model=register_model(actor=SYSTEM, folder=learned)[0])
    assert f'data-id="{MURMUR}"' in suggested(browser, "murmur")


def test_loading_knowledge_keeps_them(
    browser: Client, activate: Callable[[Path], None], learned: Path, knowledge_dir: Path
) -> None:
    activate(learned)
    load_knowledge(actor=SYSTEM, folder=knowledge_dir)
    assert f'data-id="{MURMUR}"' in suggested(browser, "murmur")
