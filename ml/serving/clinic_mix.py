"""Reads a clinic's counts of diagnoses: JSON ({"OMIM:154700": 3, ...}) or two columns separated by a tab."""

import json
from pathlib import Path

from ml.errors import EngineError

MOST_BYTES = 5_000_000
# far more than anybody counts, and no more than Python reads
MOST_DIGITS = 12


class ClinicMixError(EngineError, ValueError):
    """The file cannot be read as counts; the message says where."""


def read_clinic_mix(path: Path) -> dict[str, int]:
    """Disease id -> number of patients. Raises ClinicMixError.

    A first line "disease_id<TAB>count" is a header. A disease that stands twice is refused: one of the counts is wrong.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ClinicMixError(
                f"{path.name} is larger than {MOST_BYTES // 1_000_000} MB; counts were expected"
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ClinicMixError(f"{path} cannot be read: {error}") from error
    if path.suffix.lower() == ".json":
        return _from_json(path, text)
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip() or (number == 1 and cells[-1:] == ["count"]):
            continue
        if len(cells) != 2 or not cells[1].isdecimal() or len(cells[1]) > MOST_DIGITS:
            raise ClinicMixError(
                f"{path.name}, line {number}: a disease id, a tab and a whole number were expected"
            )
        if cells[0] in counts:
            raise ClinicMixError(f"{path.name}, line {number}: {cells[0]} stands twice")
        counts[cells[0]] = int(cells[1])
    return counts


def _from_json(path: Path, text: str) -> dict[str, int]:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a disease stands twice")
        return found

    try:
        record = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ClinicMixError(f"{path.name} is no JSON: {error}") from error
    if not isinstance(record, dict) or not all(type(count) is int for count in record.values()):
        raise ClinicMixError(f'{path.name}: an object like {{"OMIM:154700": 3}} was expected')
    return record
