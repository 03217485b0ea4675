"""Predictions as monitoring reads them: one JSON object a line.

    {"schema": "hoofbeat-prediction/1", "id": "p-1", "at": "2026-11-30T10:15:00+00:00", "organisation": "north",
     "input": {"present": ["HP:0001166"], "absent": [], "uncertain": [], "unknown": ["HP:9999999"], "replaced": 0,
               "age_years": 4.5, "sex": "female"},
     "head": [["OMIM:154700", 0.41], ["OMIM:129600", 0.12]], "none_of_these": 0.08,
     "outcome": "OMIM:154700", "latency_ms": 12.5, "error": null}

`unknown` are ids that the knowledge lacks, `replaced` is the number of ids that were obsolete; `head` holds the first
diseases with their probabilities, best first (ten or more). `outcome` is the id in the ranking that the confirmed
diagnosis means, or null; `error` a code where nothing was predicted, and `head` is then empty. Any of `organisation`,
`age_years`, `sex`, `none_of_these`, `outcome`, `latency_ms`, `error` may be null or left out.
"""

import datetime
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.errors import EngineError

SCHEMA = "hoofbeat-prediction/1"


class RecordError(EngineError, ValueError):
    """A file of predictions cannot be read; the message names the line and what was expected."""


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """One prediction: what came in, the head of what went out, and what it turned out to be."""

    id: str
    at: datetime.datetime
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    replaced: int = 0
    age_years: float | None = None
    sex: str | None = None
    organisation: str | None = None
    head: tuple[tuple[str, float], ...] = ()
    none_of_these: float | None = None
    outcome: str | None = None
    latency_ms: float | None = None
    error: str | None = None

    def hit(self, top: int) -> bool:
        """Whether the confirmed disease is among the first `top`."""
        return any(disease == self.outcome for disease, _ in self.head[:top])


def read_predictions(path: Path) -> list[PredictionRecord]:
    """All records of a file. Raises RecordError at the first line that is none: half a window would mislead."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(parse_prediction(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordError(
                f"{path}, line {number}: {error!r}; a record of {SCHEMA} was expected"
            ) from error
    return records


def parse_prediction(record: dict[str, Any]) -> PredictionRecord:
    """One record. Raises ValueError, KeyError, TypeError or AttributeError where it has another form."""
    if record.get("schema") != SCHEMA:
        raise ValueError(f"schema {record.get('schema')!r}")
    given, none, latency = record["input"], record.get("none_of_these"), record.get("latency_ms")
    findings = {name: _texts(given.get(name) or []) for name in ("present", "absent", "uncertain", "unknown")}
    age = given.get("age_years")
    return PredictionRecord(
        id=str(record["id"]),
        at=datetime.datetime.fromisoformat(record["at"]),
        **findings,
        replaced=int(given.get("replaced") or 0),
        age_years=None if age is None else float(age),
        sex=given.get("sex"),
        organisation=record.get("organisation"),
        head=tuple((str(disease), float(probability)) for disease, probability in record["head"]),
        none_of_these=None if none is None else float(none),
        outcome=record.get("outcome"),
        latency_ms=None if latency is None else float(latency),
        error=record.get("error"),
    )


def day_in(text: str) -> datetime.date | None:
    """The first date in a text such as hp/releases/2025-01-16."""
    found = re.search(r"\d{4}-\d\d-\d\d", text)
    return None if found is None else datetime.date.fromisoformat(found.group())


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("a list of ids was expected")
    return tuple(values)
