"""Which cases judge a model: the same in every experiment, so that no model has ever learned from them.

Whether a case is held out depends on nothing but whose it is: the SHA-256 of its patient, group, first publication or
id, the first of these that it has. Neither seed nor the other cases matter. Training cases that belong together with a
held-out one, also over third cases, are left out of both parts.
"""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.data.records import parse_known, record_of
from ml.evaluation.folds import components_of, without_leaks
from ml.serving.phenopacket import LineError, PacketCase, PacketError, read_documents

HELD_SHARE = 0.2
TRAIN, HELD, REPORT = "train.jsonl.gz", "held-out.jsonl.gz", "report.json"
_PATIENT, _GROUP = "patient", "group:"


@dataclass(frozen=True)
class _Record:
    """A case, whose it is ("" where the file does not say), and whether a file that only judges has it."""

    case: PacketCase
    patient: str
    is_evaluation: bool

    @property
    def groups(self) -> tuple[str, ...]:
        return (*self.case.publications, *([f"{_PATIENT}:{self.patient}"] if self.patient else []))

    @property
    def is_held(self) -> bool:
        groups = sorted(g for g in self.case.publications if g.startswith(_GROUP))
        key = self.patient or next(iter(groups or sorted(self.case.publications)), self.case.id)
        digest = hashlib.sha256(f"hold-out {key}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < HELD_SHARE * 2**64


def split_cases(files: Sequence[Path], evaluation: Sequence[Path] = ()) -> dict[str, bytes]:
    """File name -> content of `TRAIN`, `HELD` (canonical records) and `REPORT` (counts).

    With `evaluation`, its cases are held out and no others. Where an id stands in several files, the last of them
    counts, and one of `evaluation` before all others. Records say whose they are where that was said; several cases of
    one patient become a group of their own, since training passes over patients. Raises CaseFileError.
    """
    found: dict[str, _Record] = {}
    counts = {"unreadable": 0, "undiagnosed": 0, "replaced": 0}
    for is_evaluation, paths in ((False, files), (True, evaluation)):
        for record in _read(paths, is_evaluation, counts):
            counts["replaced"] += record.case.id in found
            found[record.case.id] = record
    records = [found[identity] for identity in sorted(found)]
    is_held = np.array([r.is_evaluation if evaluation else r.is_held for r in records], bool)
    components = components_of([record.groups for record in records])
    held = np.flatnonzero(is_held)
    train = without_leaks(np.flatnonzero(~is_held), held, components)
    grouped = _grouped(records)
    report = counts | {
        "train": len(train),
        "held_out": len(held),
        "left_out": len(records) - len(train) - len(held),
        "held_out_groups": len(np.unique(components[held])),
        "named": bool(evaluation),
    }
    return {
        TRAIN: _lines(grouped, train.tolist()),
        HELD: _lines(grouped, held.tolist()),
        REPORT: (json.dumps(report, indent=1) + "\n").encode(),
    }


def _read(paths: Sequence[Path], is_evaluation: bool, counts: dict[str, int]) -> Iterator[_Record]:
    for document in (document for path in paths for document in read_documents(path)):
        try:
            if isinstance(document, LineError):
                raise PacketError(document.detail)
            case = parse_known(document.value)
        except PacketError:
            counts["unreadable"] += 1
            continue
        if not case.diseases:
            counts["undiagnosed"] += 1
            continue
        patient = document.value.get(_PATIENT)
        yield _Record(case, patient if isinstance(patient, str) else "", is_evaluation)


def _grouped(records: Sequence[_Record]) -> list[dict[str, Any]]:
    """The canonical records; cases of one patient that no group holds together get one, by a mere number."""
    n_cases = Counter(record.patient for record in records if record.patient)
    numbers = {p: number for number, p in enumerate((p for p, n in n_cases.items() if n > 1), 1)}
    content = []
    for record in records:
        case = record.case
        if record.patient in numbers and not any(p.startswith(_GROUP) for p in case.publications):
            name = f"{_GROUP}patient-{numbers[record.patient]}"
            case = replace(case, publications=(*case.publications, name))
        content.append(record_of(case) | ({_PATIENT: record.patient} if record.patient else {}))
    return content


def _lines(records: Sequence[dict[str, Any]], chosen: Sequence[int]) -> bytes:
    lines = "".join(json.dumps(records[i], sort_keys=True, ensure_ascii=False) + "\n" for i in chosen)
    return gzip.compress(lines.encode(), mtime=0)
