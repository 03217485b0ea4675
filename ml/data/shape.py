"""The shape of a source's records, as a small YAML file says it: which fields hold what (docs/data.md).

Every key is checked and every problem named with its place, since a person writes this file by hand.
"""

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ml.data.codes import CodeMap, MappingError
from ml.data.records import STATES
from ml.features.encode import SEXES
from ml.text.language import LANGUAGES

_KEYS = {
    "source", "id", "diagnosis", "age", "sex", "findings", "measurements", "notes", "mappings", "cleaning",
}  # fmt: skip
AGE_UNITS = {"years": "Y", "months": "M", "weeks": "W", "days": "D", "iso8601": ""}
_OPERATORS = (">", ">=", "<", "<=")


@dataclass(frozen=True, slots=True)
class FindingField:
    """A field with findings: an object of code -> state where `states` translates the states, else a list of codes,
    all in `state`; as one text where `separator` stands between them. In tables, `columns` are codes themselves and
    hold the states; an empty cell was not asked."""

    field: str
    states: Mapping[str, str]
    state: str | None
    volunteered: bool
    separator: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleaning:
    """Declared repairs, each use of which is reported. `missing` are texts that mean "not given"; `spelling` says for a
    field what a mistyped value is meant to be; with `decimal_comma`, an age of "2,5" is 2.5."""

    missing: frozenset[str] = frozenset()
    spelling: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    decimal_comma: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A measured value beyond `limit` of exactly this `unit` is the finding `finding` (a code, or an id of HPO)."""

    code: str
    operator: str
    limit: float
    unit: str
    finding: str

    def is_beyond(self, value: float) -> bool:
        """Whether the value is beyond the limit."""
        return {
            ">": value > self.limit,
            ">=": value >= self.limit,
            "<": value < self.limit,
            "<=": value <= self.limit,
        }[self.operator]


@dataclass(frozen=True, slots=True)
class Measurements:
    """A field with a list of objects; the names of their keys, and the limits."""

    field: str
    code: str
    value: str
    unit: str
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class NoteField:
    """A field with free text, of which `ml.text` makes findings; `language` is en, es, or None: told from the text."""

    field: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of a record, and what the source's codes mean."""

    source: str
    id: str
    findings: tuple[FindingField, ...]
    codes: CodeMap
    diseases: CodeMap
    diagnosis: str | None = None
    age: str | None = None
    age_unit: str = "iso8601"
    sex: str | None = None
    sexes: Mapping[str, str] = field(default_factory=dict)
    measurements: Measurements | None = None
    notes: tuple[NoteField, ...] = ()
    cleaning: Cleaning = field(default_factory=Cleaning)


def read_shape(path: Path, fields: Mapping[str, Any] | None = None) -> Shape:
    """Read a YAML file and the mapping sets beside it that it names. Raises MappingError.

    `fields` stand where the file says nothing of a key, for sources whose records always look the same.
    """
    content = _content(path)
    if fields and isinstance(content, dict):
        content = {**fields, **content}
    return _Reader(path).shape(content)


def parse_shape(text: str, tables: Mapping[str, str], fields: Mapping[str, Any] | None = None) -> Shape:
    """The same from texts, as forms and databases hold them. Raises MappingError.

    `tables` are the mapping sets by what they map ("findings", "diagnoses"); no other file is read, whatever the shape
    names. In messages they are called shape.yaml, findings.sssom.tsv and diagnoses.sssom.tsv.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "shape.yaml"
        path.write_text(text, encoding="utf-8")
        content = _content(path)
        if isinstance(content, dict):
            named = content.get("mappings") or {}
            for key in named if isinstance(named, dict) else ():
                if key in ("findings", "diagnoses") and not tables.get(key):
                    raise MappingError(f"shape.yaml, mappings.{key}: the mapping set is missing")
            given = {key: f"{key}.sssom.tsv" for key, table in tables.items() if table}
            for key, file in given.items():
                (folder / file).write_text(tables[key], encoding="utf-8")
            others = (
                {key: value for key, value in named.items() if key not in given}
                if isinstance(named, dict)
                else {}
            )
            content = {**(fields or {}), **content, "mappings": {**others, **given}}
        return _Reader(path).shape(content)


def shape_texts(path: Path) -> tuple[str, dict[str, str]]:
    """A shape file and the mapping sets that it names, as `parse_shape` takes them. Raises MappingError."""
    content = _content(path)
    named = (content.get("mappings") if isinstance(content, dict) else None) or {}
    if not isinstance(named, dict) or not all(isinstance(file, str) for file in named.values()):
        raise MappingError(f"{path.name}, mappings: an object of findings and diagnoses was expected")
    try:
        tables = {key: (path.parent / file).read_text(encoding="utf-8") for key, file in named.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path.name}, mappings: a file cannot be read: {error}") from error
    return path.read_text(encoding="utf-8"), tables


def _content(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            # a few of them may stand for more than fits into memory
            raise MappingError(f"{path.name}: aliases (*name) are not read; write it out")
        return yaml.safe_load(text)
    except OSError as error:
        raise MappingError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise MappingError(f"{path.name} is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise MappingError(f"{path.name} is nested too deeply") from error
    except MappingError:
        raise
    except ValueError as error:  # bytes that are no UTF-8, dates that there are not
        raise MappingError(f"{path.name} is no YAML: {' '.join(str(error).split())}") from error


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def _fail(self, where: str, found: Any, expected: str) -> MappingError:
        shown = "missing" if found is None else repr(found)[:60]
        return MappingError(f"{self._path.name}, {where}: {shown}; {expected} was expected")

    def _object(self, value: Any, where: str, known: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._fail(where, value, "an object")
        for key in value:
            if key not in known:
                raise self._fail(where, key, f"one of the keys {', '.join(sorted(known))}")
        return value

    def _text(self, owner: dict[str, Any], key: str, where: str) -> str:
        value = owner.get(key)
        if not isinstance(value, str) or not value:
            raise self._fail(f"{where}{key}", value, "a text")
        return value

    def _list(self, owner: dict[str, Any], key: str, where: str) -> list[Any]:
        value = owner.get(key)
        if not isinstance(value, list) or not value:
            raise self._fail(f"{where}{key}", value, "a list with at least one entry")
        return value

    def shape(self, content: Any) -> Shape:
        top = self._object(content, "the file", _KEYS)
        source = self._text(top, "source", "")
        files = self._object(top.get("mappings") or {}, "mappings", {"findings", "diagnoses"})
        maps = {
            key: CodeMap(
                source, self._path.parent / self._text(files, key, "mappings.") if key in files else None
            )
            for key in ("findings", "diagnoses")
        }
        age = top.get("age")
        if age is not None:
            age = self._object(age, "age", {"field", "unit"})
            if age.get("unit") not in tuple(AGE_UNITS):
                raise self._fail("age.unit", age.get("unit"), f"one of {', '.join(AGE_UNITS)}")
        sex = top.get("sex")
        if sex is not None:
            sex = self._object(sex, "sex", {"field", "values"})
        return Shape(
            source=source,
            id=self._text(top, "id", ""),
            findings=tuple(
                self._finding_field(entry, f"findings[{i}]")
                for i, entry in enumerate(
                    self._list(top, "findings", "") if "findings" in top or "notes" not in top else []
                )
            ),
            notes=tuple(
                self._note_field(entry, f"notes[{i}]")
                for i, entry in enumerate(self._list(top, "notes", "") if "notes" in top else [])
            ),
            codes=maps["findings"],
            diseases=maps["diagnoses"],
            diagnosis=self._text(top, "diagnosis", "") if "diagnosis" in top else None,
            age=self._text(age, "field", "age.") if age else None,
            age_unit=age["unit"] if age else "iso8601",
            sex=self._text(sex, "field", "sex.") if sex else None,
            sexes=self._values(sex.get("values"), "sex.values", SEXES) if sex else {},
            measurements=self._measurements(top["measurements"]) if "measurements" in top else None,
            cleaning=self._cleaning(top.get("cleaning") or {}),
        )

    def _cleaning(self, value: Any) -> Cleaning:
        entry = self._object(value, "cleaning", {"missing", "spelling", "decimal_comma"})
        missing = (
            [str(text) for text in self._list(entry, "missing", "cleaning.")] if "missing" in entry else []
        )
        spelling = self._object(
            entry.get("spelling") or {}, "cleaning.spelling", set(entry.get("spelling") or {})
        )
        for key, meant in spelling.items():
            if not isinstance(meant, dict):
                raise self._fail(f"cleaning.spelling.{key}", meant, "an object of mistyped -> meant values")
        return Cleaning(
            frozenset(missing),
            {key: {str(old): str(new) for old, new in meant.items()} for key, meant in spelling.items()},
            entry.get("decimal_comma", False) is True,
        )

    def _values(self, value: Any, where: str, allowed: tuple[str, ...]) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self._fail(where, value, f"an object of the source's values -> {', '.join(allowed)}")
        for key, meaning in value.items():
            if meaning not in allowed:
                raise self._fail(f"{where}.{key}", meaning, f"one of {', '.join(allowed)}")
        return {str(key): meaning for key, meaning in value.items()}

    def _finding_field(self, entry: Any, where: str) -> FindingField:
        entry = self._object(
            entry, where, {"field", "columns", "separator", "states", "state", "volunteered"}
        )
        states, state = entry.get("states"), entry.get("state")
        if (states is None) == (state is None):
            raise self._fail(where, None, "either states (an object of codes) or state (a list of codes)")
        if state is not None and state not in STATES:
            raise self._fail(f"{where}.state", state, f"one of {', '.join(STATES)}")
        columns = self._list(entry, "columns", f"{where}.") if "columns" in entry else []
        if ("field" in entry) == bool(columns) or (columns and states is None):
            raise self._fail(where, None, "either field, or columns with states")
        if "separator" in entry and state is None:
            raise self._fail(f"{where}.separator", entry["separator"], "state (a list of codes) beside it")
        return FindingField(
            "" if columns else self._text(entry, "field", f"{where}."),
            {} if states is None else self._values(states, f"{where}.states", STATES),
            state,
            entry.get("volunteered", False) is True,
            self._text(entry, "separator", f"{where}.") if "separator" in entry else None,
            tuple(map(str, columns)),
        )

    def _note_field(self, entry: Any, where: str) -> NoteField:
        entry = self._object(entry, where, {"field", "language"})
        if entry.get("language") not in (None, *LANGUAGES):
            raise self._fail(f"{where}.language", entry["language"], f"one of {', '.join(LANGUAGES)}")
        return NoteField(self._text(entry, "field", f"{where}."), entry.get("language"))

    def _measurements(self, value: Any) -> Measurements:
        entry = self._object(value, "measurements", {"field", "code", "value", "unit", "limits"})
        limits = []
        for i, given in enumerate(self._list(entry, "limits", "measurements.")):
            where = f"measurements.limits[{i}]"
            rule = self._object(given, where, {"code", "operator", "limit", "unit", "finding"})
            limit = rule.get("limit")
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
                raise self._fail(f"{where}.limit", limit, "a number")
            if rule.get("operator") not in _OPERATORS:
                raise self._fail(f"{where}.operator", rule.get("operator"), f"one of {' '.join(_OPERATORS)}")
            code, unit, finding = (self._text(rule, key, f"{where}.") for key in ("code", "unit", "finding"))
            limits.append(Limit(code, rule["operator"], float(limit), unit, finding))
        names = [self._text(entry, key, "measurements.") for key in ("field", "code", "value", "unit")]
        return Measurements(names[0], names[1], names[2], names[3], tuple(limits))
