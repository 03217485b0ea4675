"""What a clinical note says, by the terms of the knowledge in use. Nothing of a note is kept anywhere."""

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.utils.translation import gettext as _

from apps.core.problems import FieldError, InvalidInput, Unavailable
from apps.knowledge.models import KnowledgeRelease
from apps.knowledge.selectors import current_release
from ml.knowledge import KnowledgeError
from ml.text import Extractor, InvalidNote, Mention, read_spanish_labels, read_terms

logger = logging.getLogger(__name__)

# Some thirty pages: more is a whole record, of which a person cannot check each finding.
LONGEST_NOTE = 100_000
LANGUAGES = ("en", "es")
STATES = ("present", "absent", "uncertain", "family")


@dataclass(frozen=True, slots=True)
class NoteFinding:
    """A finding of a note under the state that counts, with every place that names it, in reading order.

    `score` (0 to 1) is that of the closest wording; it is no probability.
    """

    id: str
    label: str
    state: str
    score: float
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class ReadNote:
    """What was found: present before absent, uncertain and family findings.

    `is_limited` where the language is read by a few hundred names alone, because the knowledge has no translations.
    """

    language: str
    is_limited: bool
    findings: tuple[NoteFinding, ...]


def findings_in(text: str, language: str | None) -> ReadNote:
    """The findings of a note in "en", "es", or the language that it seems to be in (None).

    Raises InvalidInput, Unavailable.
    """
    if len(text) > LONGEST_NOTE:
        raise InvalidInput([_refusal("too_long")])
    release = current_release()
    if release is None:
        raise Unavailable(_("No knowledge is loaded yet."))
    extractor, has_translations = _extractor_of(release)
    try:
        notes = extractor.extract(text, language)
    except InvalidNote as error:
        raise InvalidInput([_refusal(error.code)]) from error
    mentions: dict[str, list[Mention]] = {}
    for mention in notes.mentions:
        if mention.is_phenotype:
            mentions.setdefault(mention.id, []).append(mention)
    counted: dict[str, str] = {}
    for state in STATES:
        for term_id in getattr(notes, state):
            counted.setdefault(term_id, state)
    findings = tuple(
        NoteFinding(
            term_id,
            mentions[term_id][0].label,
            state,
            max(mention.score for mention in mentions[term_id] if mention.status == state),
            tuple(mentions[term_id]),
        )
        for term_id, state in counted.items()
    )
    return ReadNote(notes.language, notes.language == "es" and not has_translations, findings)


def _extractor_of(release: KnowledgeRelease) -> tuple[Extractor, bool]:
    try:
        return _load(release.folder, release.sha256)
    except KnowledgeError as error:
        logger.exception("the knowledge %s cannot be read", release.version)
        raise Unavailable(_("The knowledge that notes are read with cannot be loaded.")) from error


@lru_cache(maxsize=1)
def _load(folder: str, _sha256: str) -> tuple[Extractor, bool]:
    """The extractor, once a process (1 to 2 seconds, some 50 MB), and whether it has translated labels."""
    labels = read_spanish_labels(Path(folder))
    return Extractor(read_terms(Path(folder)), labels), bool(labels)


def _refusal(code: str) -> FieldError:
    details = {
        "empty": _("The note is empty; paste clinical text."),
        "too_long": _("The note has more than %(most)s characters; paste it in parts.")
        % {"most": f"{LONGEST_NOTE:,}".replace(",", "\u202f")},
        "binary": _("The note holds binary data or control characters; plain text was expected."),
        "no_words": _("The note has no words, only digits or punctuation; clinical text was expected."),
        "unknown_language": _("Notes are read in English (en) and Spanish (es)."),
    }
    return FieldError("text", code, details[code])
