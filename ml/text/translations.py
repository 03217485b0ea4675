"""Translated labels: a Babelon file, as HPO's internationalisation publishes them."""

import csv
import gzip
import zlib
from pathlib import Path

from ml.errors import EngineError

_COLUMNS = ("subject_id", "predicate_id", "translation_language", "translation_value")
# A label may be preliminary; one that is no translation is left out.
UNUSABLE_TRANSLATIONS = frozenset({"NOT_TRANSLATED"})


class TranslationError(EngineError, ValueError):
    """The translations cannot be read; the message says what is wrong."""


def read_labels(path: Path, language: str) -> dict[str, str]:
    """Term id -> label in a language. Raises TranslationError."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except OSError as error:
        raise TranslationError(f"{path} cannot be read: {error.strerror or error}") from error
    except (EOFError, UnicodeDecodeError, zlib.error) as error:
        raise TranslationError(f"{path} is no UTF-8 text, plain or gzipped: {error}") from error
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise TranslationError(f"{path} is no Babelon table: it lacks the column {missing[0]}")
    labels = {
        row["subject_id"]: row["translation_value"].strip()
        for row in reader
        if row["predicate_id"] == "rdfs:label"
        and row["translation_language"] == language
        and row.get("translation_status") not in UNUSABLE_TRANSLATIONS
        and (row["translation_value"] or "").strip()
    }
    if not labels:
        raise TranslationError(f"{path} holds no label in {language!r}")
    return labels
