"""Checks a patient's findings, age and sex, and says everything that is wrong with them at once."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ml.features.encode import SEXES
from ml.serving.age import InvalidAge, years_of
from ml.serving.vocabulary import HPO_ID, LOCAL_ID, Vocabulary

MOST_FINDINGS = 500
# near matches cost a search each; a caller with more problems than this has another problem
_MOST_NEAR_SEARCHES = 25


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was put right and should be said.

    Codes: replaced (an alternative or obsolete id), duplicate, inconsistent (an absent finding that a present, more
    specific one implies; it does not count).
    """

    code: str
    finding: str
    detail: str


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: where, what, and what would be right."""

    field: str
    code: str
    detail: str
    value: str | None
    near: tuple[tuple[str, str], ...] = ()


class InvalidInput(ValueError):
    """The input cannot be scored; `issues` holds every problem found."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(f"{issue.field}: {issue.detail}" for issue in issues))
        self.issues = tuple(issues)


@dataclass(frozen=True, slots=True)
class Query:
    """A checked input: current ids in the order given, each once.

    `uncertain` findings came up, and nobody knows whether the patient has them; `volunteered` are the findings of any
    state that were said unasked. Only a model that learned from such cases uses either.
    """

    present: tuple[str, ...]
    absent: tuple[str, ...]
    age_years: float | None
    sex: str | None
    notices: tuple[Notice, ...] = ()
    uncertain: tuple[str, ...] = ()
    volunteered: tuple[str, ...] = ()


def resolve(
    vocabulary: Vocabulary,
    present: Sequence[str],
    absent: Sequence[str],
    age: str | None,
    sex: str | None,
    *,
    uncertain: Sequence[str] = (),
    volunteered: Sequence[str] = (),
    may_be_empty: bool = False,
) -> Query:
    """Check and normalise an input. Raises InvalidInput.

    A finding that is present or absent is no longer uncertain. `may_be_empty` lets an input without a present finding
    pass, for a case that is only begun; it cannot be ranked.
    """
    n_findings = len(present) + len(absent) + len(uncertain)
    if n_findings > MOST_FINDINGS or len(volunteered) > MOST_FINDINGS:
        detail = f"{n_findings} findings; at most {MOST_FINDINGS} were expected"
        raise InvalidInput([Issue("findings", "too_many_findings", detail, str(n_findings))])
    reader = _Reader(vocabulary)
    states = {"present": reader.read("present", present), "absent": reader.read("absent", absent)}
    known = states["present"] | states["absent"]
    unsure = [f for f in reader.read("uncertain", uncertain) if f not in known]
    said = reader.read("volunteered", volunteered)
    issues = reader.issues
    for identity, field in said.items():
        if identity not in known and identity not in unsure:
            detail = f"{identity} ({vocabulary.label(identity)}) is no finding of this patient"
            issues.append(Issue(field, "unknown_finding", detail, identity))
    for identity, field in states["absent"].items():
        if identity in states["present"]:
            detail = (
                f"{identity} ({vocabulary.label(identity)}) is given as present "
                f"({states['present'][identity]}) and as absent; one of them was expected"
            )
            issues.append(Issue(field, "contradictory", detail, identity))
    is_missing = not states["present"] and not any(i.field.startswith("findings.present") for i in issues)
    if is_missing and not may_be_empty:
        detail = "no finding is present; at least one present finding was expected"
        issues.append(Issue("findings.present", "no_finding", detail, None))
    age_years = None
    if age is not None:
        try:
            age_years = years_of(age)
        except InvalidAge as error:
            issues.append(Issue("age", "invalid_age", str(error), str(age)[:40]))
    known_sex = sex.strip().lower() if isinstance(sex, str) else sex
    if known_sex is not None and known_sex not in SEXES:
        detail = f"{str(sex)[:40]!r} is no known value; one of {', '.join(sorted(SEXES))} was expected"
        issues.append(Issue("sex", "unknown_sex", detail, str(sex)[:40]))
    if issues:
        raise InvalidInput(issues)
    notices = reader.notices + _inconsistent(vocabulary, states["present"], states["absent"])
    return Query(
        tuple(states["present"]), tuple(states["absent"]), age_years, known_sex, tuple(notices), tuple(unsure),
        tuple(said),
    )  # fmt: skip


class _Reader:
    """Reads lists of findings, collecting issues and notices."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.issues: list[Issue] = []
        self.notices: list[Notice] = []

    def read(self, state: str, values: Sequence[str]) -> dict[str, str]:
        """Current id -> the field that named it first."""
        found: dict[str, str] = {}
        for i, value in enumerate(values):
            field = f"findings.{state}[{i}]"
            identity = self._current(field, value)
            if identity is None:
                continue
            if identity in found:
                detail = f"{identity} ({self._vocabulary.label(identity)}) was given more than once; it counts once"
                self.notices.append(Notice("duplicate", identity, detail))
            else:
                found[identity] = field
        return found

    def _current(self, field: str, value: object) -> str | None:
        vocabulary = self._vocabulary
        text = value.strip() if isinstance(value, str) else ""
        text = unicodedata.normalize("NFC", text)
        if LOCAL_ID.fullmatch(text) and not vocabulary.is_phenotype(text):
            detail = f"{text} is no finding that this model has learned"
            self._issue(field, "not_learned", detail, text, near=text.rpartition("/")[2] or None)
            return None
        if not HPO_ID.fullmatch(text) and not LOCAL_ID.fullmatch(text):
            shown = str(value)[:60]
            detail = f"{shown!r} is no HPO id; HP: and seven digits were expected, such as HP:0001166"
            self._issue(field, "malformed_id", detail, shown, near=text or None)
            return None
        current = vocabulary.current(text)
        if current is None and text in vocabulary:
            near = vocabulary.consider(text)
            detail = f"{text} ({vocabulary.label(text)}) is obsolete and nothing replaces it exactly"
            self.issues.append(Issue(field, "obsolete_without_replacement", detail, text, near))
            return None
        if current is None:
            self._issue(
                field, "unknown_finding", f"{text} is not a term of this HPO release", text, near=text
            )
            return None
        if not vocabulary.is_phenotype(current):
            detail = (
                f"{text} ({vocabulary.label(current)}) is no phenotypic abnormality (HP:0000118 and below)"
            )
            self.issues.append(Issue(field, "not_a_phenotype", detail, text))
            return None
        if current != text:
            detail = f"{text} was replaced by {current} ({vocabulary.label(current)})"
            self.notices.append(Notice("replaced", text, detail))
        return current

    def _issue(self, field: str, code: str, detail: str, value: str, *, near: str | None) -> None:
        search = near is not None and len(self.issues) < _MOST_NEAR_SEARCHES
        found = self._vocabulary.near(near) if near is not None and search else ()
        self.issues.append(Issue(field, code, detail, value, found))


def _inconsistent(vocabulary: Vocabulary, present: dict[str, str], absent: dict[str, str]) -> list[Notice]:
    graph = vocabulary.graph
    notices = []
    for identity in absent:
        term = graph.index[identity]
        implying = next((p for p in present if term in graph.closure(graph.index[p])), None)
        if implying is not None:
            detail = (
                f"{identity} ({vocabulary.label(identity)}) was given as absent, but {implying} "
                f"({vocabulary.label(implying)}) is a kind of it and present; the absent one does not count"
            )
            notices.append(Notice("inconsistent", identity, detail))
    return notices
