"""The model card: on a page in both languages, as a file, and in the bundle itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.registry.models import ModelVersion
from ml.export.card import model_card
from ml.serving.artefact import CARD

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(page: Callable[..., Client], user_of: Callable[..., User]) -> Client:
    return page(user_of(Role.DATA_SCIENTIST))


def test_the_page_says_data_measures_and_limits(reader: Client, active_model: ModelVersion) -> None:
    url = reverse("lifecycle:card", args=[active_model.number])
    text = reader.get(url).content.decode()
    assert f"Model {active_model.number}: model card" in text
    assert "Human Phenotype Ontology, hp.obo" in text
    assert "Each disease is known from published annotations alone" in text
    assert "What no publication describes cannot be found" in text
    assert "maximum likelihood" in text
    assert url in reader.get(reverse("lifecycle:models")).content.decode()
    reader.cookies["django_language"] = "es"
    assert "No está pensado para" in reader.get(url).content.decode()


def test_it_can_be_had_as_markdown_and_as_json(reader: Client, active_model: ModelVersion) -> None:
    text = reader.get(reverse("lifecycle:card-markdown", args=[active_model.number]))
    assert text.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert text.content.decode().startswith("# Model card\n")
    record = reader.get(reverse("lifecycle:card-json", args=[active_model.number])).json()
    assert record["artefact_hash"] == active_model.artefact_hash
    assert record["model"]["sources"]


def test_it_is_one_of_the_hashed_files_of_a_bundle(active_model: ModelVersion) -> None:
    card = Path(active_model.folder) / CARD
    assert card.read_text(encoding="utf-8") == model_card(active_model.manifest["model"])
    assert CARD in active_model.manifest["files"]


def test_measured_figures_and_learned_patients_stand_in_it(active_model: ModelVersion) -> None:
    description: dict[str, Any] = dict(active_model.manifest["model"])
    description["n_cases"] = 3
    description["cases"] = {"read": 5, "used": 3, "diseases": 2, "undiagnosed": 1, "unreadable": 1}
    description["parameters"] = description["parameters"] | {
        "benchmarks": [{"protocol": "S, dev", "n": 641, "top 1": 0.25}, {"protocol": "C|MZ", "top 1": 0.5}]
    }
    description["calibration"] = {"calibrated": True, "strata": [{"from": 1, "ece": 0.03123456}]}
    card = model_card(description)
    assert "Patients: 3 of 5 that were read, with 2 diseases." in card
    assert "| S, dev | 641 | 0.25 |" in card
    assert "| C\\|MZ |  | 0.5 |" in card
    assert "Calibrated." in card
    assert "- from 1, ece 0.03123" in card


@pytest.mark.parametrize("number", [999_999, 99_999_999_999_999])
def test_a_model_that_there_is_none_of_is_not_found(reader: Client, number: int) -> None:
    assert reader.get(reverse("lifecycle:card", args=[number])).status_code == 404
