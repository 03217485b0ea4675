"""Findings are found and shown in Spanish where the loaded knowledge has translations."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import SYSTEM
from apps.accounts.models import User
from apps.cases.models import Case
from apps.knowledge.services import load_knowledge
from apps.knowledge.translations import forget_labels
from ml.knowledge.build import OptionalSources, build_knowledge
from tests.ml.release import write_release

pytestmark = pytest.mark.django_db

HEART, SEPTUM = "HP:0000100", "HP:0000110"
BABELON = (
    "source_language\ttranslation_language\tsubject_id\tsource_value\tpredicate_id\ttranslation_value\ttranslation_status\n"
    "en\tes\tHP:0000100\tAbnormal heart\trdfs:label\tCorazón anómalo\tOFFICIAL\n"
)


@pytest.fixture
def translated(knowledge: Any, tmp_path: Path) -> Iterator[None]:
    """A small release with one Spanish label, in use."""
    table = tmp_path / "hp-es.babelon.tsv"
    table.write_text(BABELON, encoding="utf-8")
    build_knowledge(
        tmp_path / "knowledge",
        str(write_release(tmp_path / "release")),
        optional=OptionalSources(translations=table),
    )
    load_knowledge(actor=SYSTEM, folder=tmp_path / "knowledge")
    yield
    forget_labels()


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


def in_language(browser: Client, language: str) -> Client:
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return browser


@pytest.mark.parametrize(("typed", "language", "shown", "also"), [
    ("corazón", "es", "Corazón anómalo", ""),
    ("corazon", "es", "Corazón anómalo", ""),  # no accent was typed
    ("corazón", "en", "Abnormal heart", "Corazón anómalo"),
    ("abnormal heart", "es", "Corazón anómalo", "Abnormal heart"),
    ("septal defect", "es", "Septal defect", ""),  # not translated
])  # fmt: skip
def test_suggestions(
    translated: None, browser: Client, typed: str, language: str, shown: str, also: str
) -> None:
    found = in_language(browser, language).get(reverse("knowledge:terms"), {"q": typed}).content.decode()
    first = found.partition("</li>")[0]
    assert f'data-label="{shown}"' in first
    assert ("option-also" in first) is bool(also)
    assert also in first


def test_a_case(translated: None, browser: Client, case_of: Callable[..., Case], clinician: User) -> None:
    case = case_of(clinician, present=(HEART,), absent=(SEPTUM,))
    address = reverse("predictions:consultation", args=[case.pk])
    spanish = in_language(browser, "es").get(address).content.decode()
    assert "Corazón anómalo" in spanish
    assert "Abnormal heart" not in spanish
    assert "Septal defect" in spanish
    english = in_language(browser, "en").get(address).content.decode()
    assert "Abnormal heart" in english
    assert "Corazón anómalo" not in english
