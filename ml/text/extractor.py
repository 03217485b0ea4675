"""The door of `ml.text`: load once, then read notes."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ml.knowledge import KnowledgeError, Synonym, Term
from ml.knowledge.store import TERMS, TRANSLATIONS, read_manifest
from ml.text.abbreviations import Abbreviations
from ml.text.context import Reader
from ml.text.language import LANGUAGES, detect
from ml.text.matcher import find
from ml.text.names import NameIndex, build_index
from ml.text.notes import LARGEST_NOTE, InvalidNote, Mention, Notes, summarise
from ml.text.spanish import spanish_names
from ml.text.tokens import FoldedText, fold, sentences
from ml.text.translations import UNUSABLE_TRANSLATIONS, TranslationError, read_labels

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_MOST_CONTROL = 0.05
# "short arm of chromosome 4" is no finding
_OF_A_CHROMOSOME = re.compile(r"\s+(?:of|del?)\s+(?:the\s+|el\s+)?(?:chromosome|cromosoma)")


class Extractor:
    """Reads notes; immutable after construction, so threads may share one.

    With `spanish_labels` it reads Spanish, too; with none in them, by the synonyms of `lexicons/synonyms.es.tsv` alone.
    """

    def __init__(self, terms: Iterable[Term], spanish_labels: Mapping[str, str] | None = None) -> None:
        terms = tuple(terms)
        self._indexes: dict[str, NameIndex] = {"en": build_index(terms, "en")}
        if spanish_labels is not None:
            self._indexes["es"] = build_index(terms, "es", spanish_names(spanish_labels))

    @classmethod
    def load(cls, knowledge: Path, translations: Path | None = None) -> "Extractor":
        """From a knowledge folder. Spanish needs its translated labels, or a Babelon file that has them.

        Raises KnowledgeError, TranslationError.
        """
        spanish = (
            read_labels(translations, "es")
            if translations is not None
            else read_spanish_labels(knowledge) or None
        )
        return cls(read_terms(knowledge), spanish)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that can be read."""
        return tuple(self._indexes)

    def extract(self, text: str, language: str | None = None) -> Notes:
        """The findings of a note in "en", "es", or the language that it seems to be in (None). Raises InvalidNote."""
        _check(text)
        folded = fold(text)
        chosen = self._language(folded, language)
        index = self._indexes[chosen]
        abbreviations = Abbreviations(text, index.abbreviations)
        reader = Reader(folded.folded, chosen)
        mentions = []
        for sentence in sentences(folded):
            statement = reader.statement(sentence)
            for match in (*find(sentence, index), *abbreviations.find(sentence, folded)):
                places = sorted(match.places)
                start, end = sentence[places[0]].start, sentence[places[-1]].end
                if _OF_A_CHROMOSOME.match(folded.folded, end):
                    continue
                status, negated = statement.status(start, end)
                begin, stop = folded.span(start, end)
                mentions.append(
                    Mention(
                        match.term, index.labels[match.term], begin, stop, text[begin:stop], status, match.score,
                        negated, match.term in index.phenotypes,
                    )
                )  # fmt: skip
        return summarise(chosen, mentions)

    def _language(self, folded: FoldedText, language: str | None) -> str:
        if language is not None and language not in LANGUAGES:
            raise InvalidNote(
                "unknown_language",
                f"{str(language)[:20]!r} is no language that is read; one of en, es was expected",
            )
        chosen = language or (detect(folded.folded) if len(self._indexes) > 1 else "en")
        if chosen not in self._indexes:
            raise InvalidNote(
                "unknown_language",
                "Spanish needs the translated labels: build the knowledge with them, or give a Babelon file of HPO",
            )
        return chosen


def extract(
    text: str, knowledge: Path, language: str | None = None, translations: Path | None = None
) -> Notes:
    """Read one note with a knowledge folder; to read several, keep an `Extractor`."""
    _check(text)
    return Extractor.load(knowledge, translations).extract(text, language)


def read_terms(knowledge: Path) -> tuple[Term, ...]:
    """The terms of a knowledge folder, without its annotations, which take ten times as long. Raises KnowledgeError."""
    return tuple(_term(json.loads(line)) for line in _content(knowledge, TERMS).splitlines())


def read_spanish_labels(knowledge: Path) -> dict[str, str]:
    """Term id -> Spanish label, of a knowledge folder; empty when it has no translations. Raises KnowledgeError."""
    if TRANSLATIONS not in read_manifest(knowledge)["files"]:
        return {}
    rows = (line.split("\t") for line in _content(knowledge, TRANSLATIONS).decode().splitlines()[1:])
    return {
        term: label
        for term, language, label, status in rows
        if language == "es" and status not in UNUSABLE_TRANSLATIONS
    }


def _content(knowledge: Path, name: str) -> bytes:
    manifest = read_manifest(knowledge)
    path = knowledge / name
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise KnowledgeError(f"{knowledge} lacks {name}: build the knowledge again") from error
    if hashlib.sha256(raw).hexdigest() != manifest["files"][name]:
        raise KnowledgeError(f"{path} is damaged (checksum differs): build the knowledge again")
    return gzip.decompress(raw)


def _term(record: dict[str, object]) -> Term:
    fields = dict(record)
    fields["synonyms"] = tuple(Synonym(s["text"], s["scope"]) for s in record["synonyms"])  # type: ignore[attr-defined]
    for name in ("alt_ids", "parents", "consider"):
        fields[name] = tuple(record[name])  # type: ignore[arg-type]
    return Term(**fields)  # type: ignore[arg-type]


def _check(text: str) -> None:
    if not isinstance(text, str):
        raise InvalidNote("binary", f"a note is text; {type(text).__name__} was given")
    if not text.strip():
        raise InvalidNote("empty", "the note is empty; clinical text was expected")
    if len(text) > LARGEST_NOTE:
        raise InvalidNote(
            "too_long",
            f"the note has {len(text):,} characters; at most {LARGEST_NOTE:,} were expected: split it",
        )
    control = len(_CONTROL.findall(text))
    if "\0" in text or control > _MOST_CONTROL * len(text):
        raise InvalidNote(
            "binary", "the note holds binary data (NUL or control characters); plain text was expected"
        )
    if not re.search(r"[^\W\d_]", text):
        raise InvalidNote(
            "no_words", "the note has no words, only punctuation or digits; clinical text was expected"
        )


__all__ = ["Extractor", "TranslationError", "extract", "read_spanish_labels", "read_terms"]
