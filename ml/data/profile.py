"""What a sample of records seems to hold, column by column, and the shape that would read it.

Guesses are guesses: a person corrects them before anything is read by them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import yaml

from ml.data.records import encoded
from ml.serving.phenopacket import Document, LineError

MOST_RECORDS = 20_000
MOST_CODES = 5_000
_MOST_EXAMPLES = 5
_MOST_STATES = 6
_LONGEST_CODE = 80

ROLES = ("id", "diagnosis", "age", "sex", "states", "codes", "column", "note", "ignore")
"""States: an object of code -> state. Codes: a list of codes, or several in one text. Column: the column is a code
itself and holds its state."""

# English, Spanish and Chinese, as the sources that were tried; whole words of a column's name.
_NAMES = {
    "id": "id pid number no nr case caseid patient patientid record visit identifier numero número caso paciente 编号",
    "age": "age years months days weeks edad anos años meses dias días 年龄 月龄",
    "sex": "sex gender sexo género genero 性别",
    "diagnosis": "diagnosis diagnoses dx disease disorder verdict label outcome diagnóstico diagnostico enfermedad "
    "诊断 疾病",
    "note": "note notes text report narrative nota notas texto informe 病历",
}
_NAMES_OF = {role: frozenset(words.split()) for role, words in _NAMES.items()}
_UNITS = {"months": "months meses 月龄", "weeks": "weeks semanas", "days": "days dias días"}
_STATES = {
    "present": "1 yes y true present positive pos + x si sí s presente positivo 有 是",
    "absent": "0 no n false absent negative neg - ausente negativo 无 否",
    "uncertain": "2 unknown uncertain unclear ? maybe possible incierto dudoso 不确定",
}
_SEXES = {
    "female": "f female w woman mujer femenino femenina hembra 女",
    "male": "m male man hombre masculino varón varon macho 男",
}
_STATE_OF = {word: state for state, words in _STATES.items() for word in words.split()}
_SEX_OF = {word: sex for sex, words in _SEXES.items() for word in words.split()}
_MISSING = frozenset({"na", "n/a", "null", "none", "nan", "."})
_SEPARATORS = (";", "|", "、", "；", ",")
_PREFIX = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(slots=True)
class Column:
    """A column (a key of the records) of a sample. `kind` is text, number, object (code -> state), list or nested.

    `codes` counts the codes of an object or a list, `values` the distinct values of anything else, commonest first.
    """

    name: str
    kind: str = "text"
    n_filled: int = 0
    n_distinct: int = 0
    examples: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """The columns of `n_records` records, and how many could not be read."""

    n_records: int
    n_unread: int
    columns: tuple[Column, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


Layout = dict[str, dict[str, Any]]
"""By column: `role`, and as it needs `separator`, `unit`, and `values` (the source's value -> state or sex)."""


def sample_of(documents: Iterable[Document | LineError]) -> tuple[list[dict[str, Any]], int]:
    """The first records, and how many things among them cannot be read as such."""
    taken = list(islice(documents, MOST_RECORDS))
    records = [document.value for document in taken if isinstance(document, Document)]
    objects = [record for record in records if isinstance(record, dict)]
    return objects, len(taken) - len(objects)


def profile(records: Sequence[Mapping[str, Any]], n_unread: int = 0) -> Profile:
    """Look at a sample."""
    names = dict.fromkeys(str(name) for record in records for name in record)
    columns = tuple(_column(name, [record.get(name) for record in records]) for name in names)
    return Profile(len(records), n_unread, columns)


def _column(name: str, values: list[Any]) -> Column:
    filled = [value for value in values if not _is_missing(value)]
    column = Column(name, n_filled=len(filled))
    kinds = Counter(_kind(value) for value in filled)
    column.kind = kinds.most_common(1)[0][0] if kinds else "text"
    codes: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    for value in filled:
        if column.kind == "object" and isinstance(value, dict):
            codes.update(str(code) for code in value)
            plain.update(str(state) for state in value.values())
        elif column.kind == "list" and isinstance(value, list):
            codes.update(str(code) for code in value)
        else:
            plain[str(value)[:200]] += 1
    column.n_distinct = len(codes or plain)
    column.codes = dict(codes.most_common(MOST_CODES))
    column.values = dict(plain.most_common(MOST_CODES if len(plain) < MOST_CODES else 50))
    column.examples = [text[:60] for text in list(codes or plain)[:_MOST_EXAMPLES]]
    return column


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "object" if all(isinstance(v, str | int | bool | float) for v in value.values()) else "nested"
    if isinstance(value, list):
        return "list" if all(isinstance(v, str) for v in value) else "nested"
    return "number" if _is_number(value) else "text"


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or value in ({}, [])
        or (isinstance(value, str) and value.strip().lower() in {"", *_MISSING})
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"\s*-?\d+([.,]\d+)?\s*", value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def guess(sample: Profile) -> Layout:
    """What each column may be. At most one is the id, the age, the sex."""
    layout: Layout = {}
    taken: set[str] = set()
    # those whose names say what they are go first
    columns = sorted(sample.columns, key=lambda column: not _named_like(column.name))
    for column in columns:
        found = _guess(column, sample.n_records, taken)
        taken.add(found["role"])
        layout[column.name] = found
    if "id" not in taken:
        for column in sample.columns:
            if layout[column.name]["role"] == "ignore" and column.n_distinct == sample.n_records:
                layout[column.name] = {"role": "id"}
                break
    return {column.name: layout[column.name] for column in sample.columns}


def _guess(column: Column, n_records: int, taken: set[str]) -> dict[str, Any]:
    named = _named_like(column.name)
    words = {value.strip().lower() for value in column.values}
    if column.kind == "object":
        return (
            {"role": "states", "values": states_of(column.values)}
            if len(words) <= _MOST_STATES
            else {"role": "ignore"}
        )
    if column.kind == "list":
        return {"role": "diagnosis"} if "diagnosis" in named else {"role": "codes", "separator": ""}
    if column.kind == "nested" or not column.n_filled:
        return {"role": "ignore"}
    if "id" in named and "id" not in taken and column.n_distinct >= 0.99 * n_records:
        return {"role": "id"}
    if (
        "sex" not in taken
        and words <= set(_SEX_OF) | {"u", "o", "unknown", "other"}
        and ("sex" in named or words & set(_SEX_OF))
    ):
        return {"role": "sex", "values": sexes_of(column.values)}
    if "age" in named and "age" not in taken:
        return {"role": "age", "unit": _unit(column)}
    if "diagnosis" in named and "diagnosis" not in taken:
        return {"role": "diagnosis"}
    if len(words) <= _MOST_STATES and words <= set(_STATE_OF):
        return {"role": "column", "values": states_of(column.values)}
    if "note" in named or _is_prose(column):
        return {"role": "note"}
    if separator := _separator(column):
        return {"role": "codes", "separator": separator}
    return {"role": "ignore"}


def _named_like(name: str) -> set[str]:
    words = set(re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()))
    return {role for role, known in _NAMES_OF.items() if words & known or name.lower() in known}


def _unit(column: Column) -> str:
    if any(re.match(r"P\d", value) for value in column.values):
        return "iso8601"
    words = set(re.findall(r"[^\W\d_]+", column.name.lower()))
    return next((unit for unit, names in _UNITS.items() if words & set(names.split())), "years")


def _is_prose(column: Column) -> bool:
    longest = list(column.values)[:200]
    return sum(len(value) > _LONGEST_CODE and len(value.split()) > 8 for value in longest) > len(longest) / 2


def _separator(column: Column) -> str:
    """The sign that stands between codes that come again in other rows."""
    for sign in _SEPARATORS:
        parts: Counter[str] = Counter()
        n_with = 0
        for value, n in column.values.items():
            for part in value.split(sign):
                parts[part.strip()] += n
            n_with += n * (sign in value)
        if n_with >= 0.2 * column.n_filled and len(parts) <= 0.7 * parts.total():
            return sign
    return ""


def states_of(values: Iterable[str]) -> dict[str, str]:
    """Each value of a source as a state, "" where nobody knows."""
    return {value: _STATE_OF.get(value.strip().lower(), "") for value in values}


def sexes_of(values: Iterable[str]) -> dict[str, str]:
    """Each value of a source as a sex."""
    return {
        value: _SEX_OF.get(value.strip().lower(), "other" if value.lower() in "other" else "unknown")
        for value in values
    }


def codes_in(sample: Profile, layout: Layout) -> tuple[Counter[str], Counter[str]]:
    """(codes of findings, codes of diagnoses) of the sample, each with the number of its records."""
    findings: Counter[str] = Counter()
    diagnoses: Counter[str] = Counter()
    for column in sample.columns:
        found = layout.get(column.name, {})
        match found.get("role"):
            case "states":
                findings.update(column.codes)
            case "codes":
                sign = found.get("separator")
                for value, n in (column.codes or column.values).items():
                    for code in value.split(sign) if sign else [value]:
                        if code.strip():
                            findings[code.strip()] += n
            case "column":
                findings[column.name] += column.n_filled
            case "diagnosis":
                diagnoses.update(column.codes or column.values)
    return findings, diagnoses


def problems_of(layout: Layout) -> list[str]:
    """What is still to be said before a shape can be written, each in one sentence."""
    roles = Counter(found["role"] for found in layout.values())
    found = [
        f"{role}: {roles[role]} columns; one was expected"
        for role in ("age", "sex", "diagnosis")
        if roles[role] > 1
    ]
    if roles["id"] != 1:
        found.append(f"id: {roles['id']} columns; one was expected")
    if not any(roles[role] for role in ("states", "codes", "column", "note")):
        found.append("findings: no column; at least one was expected")
    for name, given in layout.items():
        if given["role"] in ("states", "column"):
            found += [
                f"{name}: the value {value!r} has no state"
                for value, state in given["values"].items()
                if not state
            ]
    return found


def shape_yaml(prefix: str, layout: Layout, *, with_diagnoses: bool, with_findings: bool) -> str:
    """The shape that reads such records; mapping sets are called findings.sssom.tsv and diagnoses.sssom.tsv."""
    by_role: dict[str, list[str]] = {role: [] for role in ROLES}
    for name, given in layout.items():
        by_role[given["role"]].append(name)
    shape: dict[str, Any] = {"source": prefix, "id": by_role["id"][0] if by_role["id"] else ""}
    for name in by_role["diagnosis"][:1]:
        shape["diagnosis"] = name
    for name in by_role["age"][:1]:
        shape["age"] = {"field": name, "unit": layout[name].get("unit", "years")}
    for name in by_role["sex"][:1]:
        shape["sex"] = {"field": name, "values": layout[name]["values"]}
    findings: list[dict[str, Any]] = [
        {"field": name, "states": layout[name]["values"]} for name in by_role["states"]
    ]
    for name in by_role["codes"]:
        sign = layout[name].get("separator")
        findings.append({"field": name, **({"separator": sign} if sign else {}), "state": "present"})
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in by_role["column"]:
        alike.setdefault(tuple(sorted(layout[name]["values"].items())), []).append(name)
    findings += [{"columns": names, "states": dict(states)} for states, names in alike.items()]
    if findings:
        shape["findings"] = findings
    if by_role["note"]:
        shape["notes"] = [{"field": name} for name in by_role["note"]]
    if any(given["role"] in ("column", "age", "sex", "diagnosis") for given in layout.values()):
        shape["cleaning"] = {"missing": ["NA", "N/A", "null"]}
    mappings = {"findings": with_findings, "diagnoses": with_diagnoses}
    if any(mappings.values()):
        shape["mappings"] = {key: f"{key}.sssom.tsv" for key, is_there in mappings.items() if is_there}
    text: str = yaml.safe_dump(shape, allow_unicode=True, sort_keys=False, width=110)
    return text


def prefix_of(name: str) -> str:
    """A source's name as the prefix of its codes: letters, digits and ._- alone, a letter first."""
    prefix = _PREFIX.sub("-", name).strip("-.").lower()
    return prefix if prefix[:1].isalpha() else f"source-{prefix}".rstrip("-")


def subject_of(prefix: str, code: str) -> str:
    """A code as the subject of a mapping set."""
    return f"{prefix}:{encoded(code)}"
