"""Forty patients as textbooks describe them, half with common and half with rare diseases, under the prevalence prior.

Each vignette names the page that its findings were read on. They were written down before the engine's answers were
looked at (docs/adr/0017).
"""

import csv
from pathlib import Path

import pytest

from ml.serving import Predictor

VIGNETTES = Path(__file__).with_name("vignettes.tsv")
WITHIN, MOSTLY_FIRST = 5, 32


def _vignettes() -> list[dict[str, str]]:
    with VIGNETTES.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _place(predictor: Predictor, vignette: dict[str, str]) -> int | None:
    """The best place of an expected disease among the first hundred."""
    query = predictor.resolve(
        present=[finding.split(" ", 1)[0] for finding in vignette["findings"].split("; ")],
        age=vignette["age"],
        sex=vignette["sex"] or None,
    )
    expected = {predictor.number_of(identity) for identity in vignette["expected"].split(";")}
    ranking = predictor.predict(query, prior="prevalence").ranking
    return next((row.rank for row in ranking if predictor.number_of(row.id) in expected), None)


def test_there_are_twenty_of_each_with_labels_and_sources(predictor: Predictor) -> None:
    vignettes = _vignettes()
    assert [v["kind"] for v in vignettes] == ["common"] * 20 + ["rare"] * 20
    for vignette in vignettes:
        assert vignette["source"].startswith("http")
        for finding in vignette["findings"].split("; "):
            identity, label = finding.split(" ", 1)
            assert predictor.vocabulary.label(identity) == label


@pytest.mark.parametrize("vignette", _vignettes(), ids=lambda vignette: str(vignette["name"]))
def test_the_diagnosis_is_among_the_first_five(predictor: Predictor, vignette: dict[str, str]) -> None:
    place = _place(predictor, vignette)
    assert place is not None
    assert place <= WITHIN


def test_it_is_mostly_the_first(predictor: Predictor) -> None:
    places = {vignette["name"]: _place(predictor, vignette) for vignette in _vignettes()}
    later = {name: place for name, place in places.items() if place != 1}
    assert len(places) - len(later) >= MOSTLY_FIRST, later


def test_fever_cough_and_muscle_pain_are_influenza_and_no_periodic_fever(predictor: Predictor) -> None:
    query = predictor.resolve(present=["HP:0001945", "HP:0012735", "HP:0003326"], age="P30Y")
    first, *rest = predictor.predict(query, top=5, prior="prevalence").ranking
    assert first.name == "influenza"
    assert not any("periodic" in row.name.casefold() for row in rest)
