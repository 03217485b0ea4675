"""What a note says, mention by mention, and the findings that follow from it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ml.errors import EngineError

Status = Literal["present", "absent", "family", "uncertain"]
STATUSES: tuple[Status, ...] = ("present", "absent", "family", "uncertain")
LARGEST_NOTE = 1_000_000


class InvalidNote(EngineError, ValueError):
    """The text cannot be read as a note; `code` is empty, too_long, binary, no_words or unknown_language."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Mention:
    """One place of the text that names a term.

    `start` and `end` are offsets into the original text, in characters, end exclusive. `score` (0 to 1) says how
    closely the words agree with a name of the term; it is no probability. `negated` is true of absent findings and of
    those that relatives are said not to have. `is_phenotype` is false of modes of inheritance, onset and course.
    """

    id: str
    label: str
    start: int
    end: int
    text: str
    status: Status
    score: float
    negated: bool = False
    is_phenotype: bool = True


@dataclass(frozen=True, slots=True)
class Notes:
    """The mentions of a text in reading order, and each finding once under the status that counts.

    A finding that is stated as present anywhere is present; else absent before uncertain before family. So nothing of
    a relative, and nothing that is only suspected, is ever among `present`. `present` and `absent` fit
    `Predictor.resolve`.
    """

    language: str
    mentions: tuple[Mention, ...]
    present: tuple[str, ...]
    absent: tuple[str, ...]
    family: tuple[str, ...]
    uncertain: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain lists and dictionaries."""
        return asdict(self)


def summarise(language: str, mentions: Iterable[Mention]) -> Notes:
    """Each finding once. The family's findings are also listed when the patient has, or has not, the same."""
    ordered = tuple(sorted(mentions, key=lambda m: (m.start, m.end, m.id)))
    said: dict[Status, dict[str, None]] = {status: {} for status in STATUSES}
    for mention in ordered:
        if mention.is_phenotype and not (mention.status == "family" and mention.negated):
            said[mention.status][mention.id] = None
    present = tuple(said["present"])
    absent = tuple(identity for identity in said["absent"] if identity not in said["present"])
    uncertain = tuple(
        identity
        for identity in said["uncertain"]
        if identity not in said["present"] and identity not in said["absent"]
    )
    return Notes(language, ordered, present, absent, tuple(said["family"]), uncertain)
