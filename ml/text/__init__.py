"""Clinical notes into findings: present, absent, of the family, or uncertain, each with its place in the text.

`Extractor.load(knowledge_folder, translations)` makes an extractor; `extract` reads one note. Offline,
deterministic, and safe to share among threads. What it reaches, and where it is weak: docs/text.md.
"""

from ml.text.extractor import Extractor, TranslationError, extract, read_spanish_labels, read_terms
from ml.text.notes import InvalidNote, Mention, Notes

__all__ = [
    "Extractor",
    "InvalidNote",
    "Mention",
    "Notes",
    "TranslationError",
    "extract",
    "read_spanish_labels",
    "read_terms",
]
