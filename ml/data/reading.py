"""Reads a source's files by its shape: canonical cases out, and a report of what became of every code."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ml.data.codes import MappingError, Meaning
from ml.data.records import STATES, parse_known
from ml.data.shape import AGE_UNITS, FindingField, Shape
from ml.serving.age import InvalidAge, years_of
from ml.serving.phenopacket import Document, LineError, PacketCase, PacketError, read_documents
from ml.serving.vocabulary import HPO_ID
from ml.text import Extractor, InvalidNote

MOST_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class Repair:
    """A value that a declared rule of the shape changed; `after` is None where it counts as not given."""

    source: str
    line: int
    field: str
    before: str
    after: str | None


@dataclass
class ReadingReport:
    """What was read.

    `findings` counts mentions, and `codes` distinct codes, by the kind of their meaning (`ml.data.codes.Meaning`);
    `unlisted` counts the codes that the mapping set does not know; `contradictory` the mentions of a finding that the
    same record also gives in another state (present counts before absent, absent before uncertain). `rejected` are
    records that could not be read, `problems` values that were left out of records that were read.
    `contradictions` name the records with the same finding present and absent; `repaired` what cleaning rules changed.
    """

    cases: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    kind_of_code: dict[str, str] = field(default_factory=dict)
    unlisted: Counter[str] = field(default_factory=Counter)
    diagnoses: Counter[str] = field(default_factory=Counter)
    contradictory: int = 0
    rejected: list[LineError] = field(default_factory=list)
    problems: list[LineError] = field(default_factory=list)
    repaired: list[Repair] = field(default_factory=list)
    contradictions: list[LineError] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For a JSON report."""
        return {
            "cases": self.cases,
            "findings": dict(sorted(self.findings.items())),
            "codes": dict(sorted(Counter(self.kind_of_code.values()).items())),
            "unlisted": dict(self.unlisted.most_common()),
            "diagnoses": dict(self.diagnoses.most_common()),
            "contradictory": self.contradictory,
            "rejected": [_shown(error) for error in self.rejected[:MOST_PROBLEMS]],
            "problems": [_shown(error) for error in self.problems[:MOST_PROBLEMS]],
            "n_rejected": len(self.rejected),
            "n_problems": len(self.problems),
        }


def _shown(error: LineError) -> dict[str, Any]:
    return {"source": error.source, "record": error.line, "detail": error.detail}


def read_source(paths: Iterable[Path], shape: Shape, report: ReadingReport) -> Iterator[PacketCase]:
    """The cases of some files; `report` is filled on the way. A bad record never stops the rest.

    Raises CaseFileError when a file cannot be read at all.
    """
    for path in paths:
        yield from read_records(read_documents(path), shape, report)


def read_records(
    documents: Iterable[Document | LineError],
    shape: Shape,
    report: ReadingReport,
    extractor: Extractor | None = None,
) -> Iterator[PacketCase]:
    """The cases of decoded records; `report` is filled on the way. `extractor` reads the notes of the shape.

    Raises MappingError when the shape has notes and there is no extractor.
    """
    if shape.notes and extractor is None:
        raise MappingError("notes: free text needs the names of HPO's terms; a knowledge folder was expected")
    for document in documents:
        if isinstance(document, LineError):
            report.rejected.append(document)
            continue
        try:
            case = _Record(document, shape, report, extractor).case()
        except PacketError as error:
            report.rejected.append(LineError(document.line, str(error), document.source))
        else:
            report.cases += 1
            yield case


def read_known(documents: Iterable[Document | LineError], report: ReadingReport) -> Iterator[PacketCase]:
    """The cases of decoded phenopackets and canonical records, also mixed; `report` is filled on the way."""
    for document in documents:
        if isinstance(document, LineError):
            report.rejected.append(document)
            continue
        try:
            case = replace(parse_known(document.value), line=document.line, source=document.source)
        except PacketError as error:
            report.rejected.append(LineError(document.line, str(error), document.source))
        else:
            report.cases += 1
            yield case


class _Record:
    def __init__(
        self, document: Document, shape: Shape, report: ReadingReport, extractor: Extractor | None
    ) -> None:
        if not isinstance(document.value, dict):
            raise PacketError(f"{str(document.value)[:60]!r}; an object was expected")
        self._document, self._shape, self._report, self._extractor = document, shape, report, extractor
        self._value: dict[str, Any] = self._cleaned(document.value)
        self._states: dict[str, set[str]] = {}
        self._volunteered: dict[str, None] = {}
        self._labels: dict[str, str] = {}
        self._local: dict[str, tuple[str, ...]] = {}

    def _cleaned(self, value: dict[str, Any]) -> dict[str, Any]:
        rules, cleaned = self._shape.cleaning, dict(value)
        notes = {note.field for note in self._shape.notes}
        for key, before in value.items():
            # of a note, not even the first words may stand in a report
            if not isinstance(before, str) or key in notes:
                continue
            text = before.strip()
            after = None if text in rules.missing else rules.spelling.get(key, {}).get(text, text)
            if rules.decimal_comma and key == self._shape.age and after and _number(after) is None:
                point = after.replace(",", ".")
                after = point if _number(point) is not None else after
            if after != text:
                self._report.repaired.append(
                    Repair(self._document.source, self._document.line, key, before[:60], after)
                )
            cleaned[key] = after
        return cleaned

    def case(self) -> PacketCase:
        shape = self._shape
        identity = self._value.get(shape.id)
        if isinstance(identity, bool) or not isinstance(identity, str | int) or not str(identity):
            raise PacketError(f"{shape.id}: {identity!r}; a text or a number was expected")
        # codes are counted once the whole record is known to be readable
        mentions = [mention for given in shape.findings for mention in _mentions(self._value, given)]
        for code, state, volunteered in mentions:
            self._add(code, state, volunteered)
        self._measure()
        self._read_notes()
        by_state: dict[str, list[str]] = {state: [] for state in STATES}
        for finding, states in self._states.items():
            by_state[next(state for state in STATES if state in states)].append(finding)
            self._report.contradictory += len(states) - 1
            if {"present", "absent"} <= states:
                self._report.contradictions.append(
                    LineError(self._document.line, f"{finding} is present and absent", self._document.source)
                )
        return PacketCase(
            id=str(identity),
            present=tuple(by_state["present"]),
            absent=tuple(by_state["absent"]),
            uncertain=tuple(by_state["uncertain"]),
            volunteered=tuple(self._volunteered),
            age=self._age(),
            sex=self._sex(),
            diseases=self._diagnoses(),
            publications=(),
            labels=self._labels,
            local=self._local,
            line=self._document.line,
            source=self._document.source,
        )

    def _problem(self, detail: str) -> None:
        self._report.problems.append(LineError(self._document.line, detail, self._document.source))

    def _add(self, code: str, state: str, volunteered: bool) -> None:
        for meaning in self._shape.codes.findings(code):
            self._report.findings[meaning.kind] += 1
            self._report.kind_of_code[code] = meaning.kind
            if meaning.kind == "unlisted":
                self._report.unlisted[code] += 1
            if meaning.kind != "exact":
                self._local[meaning.id] = meaning.broader
            self._state(meaning, state, volunteered)

    def _state(self, meaning: Meaning, state: str, volunteered: bool) -> None:
        self._states.setdefault(meaning.id, set()).add(state)
        if meaning.label:
            self._labels[meaning.id] = meaning.label
        if volunteered:
            self._volunteered[meaning.id] = None

    def _measure(self) -> None:
        rules = self._shape.measurements
        if rules is None:
            return
        values = self._value.get(rules.field)
        if values is not None and not isinstance(values, list):
            self._problem(f"{rules.field}: {str(values)[:60]!r}; a list was expected")
            return
        for i, entry in enumerate(values or []):
            where = f"{rules.field}[{i}]"
            if not isinstance(entry, dict):
                self._problem(f"{where}: {str(entry)[:60]!r}; an object was expected")
                continue
            code, unit = str(entry.get(rules.code)), entry.get(rules.unit)
            limits = [limit for limit in rules.limits if limit.code == code]
            usable = [limit for limit in limits if limit.unit == unit]
            value = _number(entry.get(rules.value))
            if not limits:
                continue
            if value is None:
                self._problem(f"{where}, {code}: {entry.get(rules.value)!r} is no number")
                continue
            if not usable:
                known = ", ".join(sorted({limit.unit for limit in limits}))
                self._problem(f"{where}, {code}: unit {unit!r}; limits are known for {known} only")
            for limit in usable:
                state = "present" if limit.is_beyond(value) else "absent"
                if HPO_ID.fullmatch(limit.finding):
                    self._state(Meaning(limit.finding, None, "exact"), state, False)
                    self._report.findings["exact"] += 1
                else:
                    self._add(limit.finding, state, False)

    def _read_notes(self) -> None:
        for note in self._shape.notes:
            text = self._value.get(note.field)
            if text in (None, ""):
                continue
            if not isinstance(text, str) or self._extractor is None:
                self._problem(f"{note.field}: a {type(text).__name__}; a text was expected")
                continue
            try:
                found = self._extractor.extract(text, note.language)
            except InvalidNote as error:
                self._problem(f"{note.field}: {error}")
                continue
            labels = {mention.id: mention.label for mention in found.mentions}
            for state, identities in zip(STATES, (found.present, found.absent, found.uncertain), strict=True):
                for identity in identities:
                    self._report.findings["exact"] += 1
                    self._state(Meaning(identity, labels[identity], "exact"), state, False)

    def _age(self) -> str | None:
        shape = self._shape
        value = None if shape.age is None else self._value.get(shape.age)
        if value is None or value == "":
            return None
        unit = AGE_UNITS[shape.age_unit]
        number = _number(value)
        duration = str(value) if not unit else f"P{number:g}{unit}" if number is not None else None
        try:
            if duration is None:
                raise InvalidAge(f"{value!r}; a number of {shape.age_unit} was expected")
            years_of(duration)
        except InvalidAge as error:
            self._problem(f"{shape.age}: {error}")
            return None
        return duration

    def _sex(self) -> str | None:
        shape = self._shape
        value = None if shape.sex is None else self._value.get(shape.sex)
        if value is None or value == "":
            return None
        if str(value) not in shape.sexes:
            self._problem(f"{shape.sex}: {value!r}; one of {', '.join(shape.sexes)} was expected")
        return shape.sexes.get(str(value))

    def _diagnoses(self) -> tuple[str, ...]:
        shape = self._shape
        given = None if shape.diagnosis is None else self._value.get(shape.diagnosis)
        codes = given if isinstance(given, list) else [] if given in (None, "") else [given]
        found: dict[str, None] = {}
        for code in map(str, codes):
            self._report.diagnoses[code] += 1
            for meaning in shape.diseases.diagnoses(code):
                found[meaning.id] = None
                if meaning.label:
                    self._labels[meaning.id] = meaning.label
        return tuple(found)


def _mentions(record: dict[str, Any], given: FindingField) -> list[tuple[str, str, bool]]:
    where = given.field
    if given.columns:
        missing = [column for column in given.columns if column not in record]
        if missing:
            raise PacketError(f"{missing[0]}: there is no such column")
        value: Any = {code: record[code] for code in given.columns if record[code] not in (None, "")}
        where = "columns"
    else:
        value = record.get(given.field)
    if given.separator is not None and isinstance(value, str | None):
        value = [code.strip() for code in (value or "").split(given.separator) if code.strip()]
    if given.state is not None:
        if not isinstance(value, list) or not all(isinstance(code, str) and code for code in value):
            raise PacketError(f"{where}: {str(value)[:60]!r}; a list of codes was expected")
        return [(code.strip(), given.state, given.volunteered) for code in value]
    if not isinstance(value, dict):
        raise PacketError(f"{where}: {str(value)[:60]!r}; an object of codes and states was expected")
    found = []
    for code, state in value.items():
        meaning = given.states.get(str(state))
        if meaning is None:
            known = ", ".join(given.states)
            raise PacketError(f"{where}.{code}: state {state!r}; one of {known} was expected")
        if not code.strip():
            raise PacketError(f"{where}: an empty code")
        found.append((code.strip(), meaning, given.volunteered))
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
