"""Negation, family and doubt in hand-written sentences (statements.tsv), 50 and more in each language."""

import csv
from pathlib import Path

import pytest

from ml.text import Extractor

ROWS = list(csv.DictReader((Path(__file__).parent / "statements.tsv").open(encoding="utf-8"), delimiter="\t"))


@pytest.mark.parametrize("language", ["en", "es"])
def test_at_least_95_of_100_are_read_right(extractor: Extractor, language: str) -> None:
    rows = [row for row in ROWS if row["language"] == language]
    assert len({row["sentence"] for row in rows}) >= 50
    wrong = [row for row in rows if _said(extractor, row, language) != {row["status"]}]
    assert len(wrong) <= 0.05 * len(rows), wrong


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_language_is_told_from_the_text(extractor: Extractor, language: str) -> None:
    rows = [row for row in ROWS if row["language"] == language]
    wrong = [row["sentence"] for row in rows if extractor.extract(row["sentence"]).language != language]
    assert len(wrong) <= 0.05 * len(rows), wrong


def _said(extractor: Extractor, row: dict[str, str], language: str) -> set[str]:
    mentions = extractor.extract(row["sentence"], language).mentions
    return {mention.status for mention in mentions if mention.id == row["finding"]}
