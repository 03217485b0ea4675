"""The cases of an experiment: read, checked, hashed by content, and as a closed list without anything held out."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.records import read_cases, record_of
from ml.errors import EngineError
from ml.evaluation.folds import components_of
from ml.features.cases import CaseTable
from ml.features.evidence import AnnotationTable
from ml.knowledge import Knowledge, read_knowledge
from ml.serving.phenopacket import LineError, PacketCase
from ml.training.closed import ClosedList, closed_list
from ml.training.data import annotation_table, vocabulary_of


class DatasetError(EngineError, ValueError):
    """Nothing can be learned from these cases; the message says why."""


@dataclass(frozen=True)
class Dataset:
    """Cases with a diagnosis, in order of their canonical records, whatever the order of files and lines.

    `is_test` [cases] marks those that no model may learn from. `version` is the SHA-256 (16 hex digits) of the records.
    """

    cases: tuple[PacketCase, ...]
    is_test: NDArray[np.bool_]
    version: str
    unreadable: tuple[str, ...]
    undiagnosed: int

    @cached_property
    def components(self) -> NDArray[np.int64]:
        """[cases]: which belong together by publication, patient or family."""
        return components_of([case.publications for case in self.cases])

    def report(self) -> dict[str, Any]:
        """What validation found."""
        return {
            "dataset": self.version,
            "cases": len(self.cases),
            "test_cases": int(self.is_test.sum()),
            "diagnoses": len({case.diseases[0] for case in self.cases}),
            "groups": len(np.unique(self.components)),
            "undiagnosed": self.undiagnosed,
            "unreadable": list(self.unreadable),
        }


def read_dataset(files: Sequence[Path], test_files: Sequence[Path] = ()) -> Dataset:
    """Read phenopackets or canonical records. Raises CaseFileError, and DatasetError where ids stand twice."""
    rows: list[tuple[str, bool, PacketCase]] = []
    unreadable = []
    undiagnosed = 0
    for is_test, paths in ((False, files), (True, test_files)):
        for record in (record for path in paths for record in read_cases(path)):
            if isinstance(record, LineError):
                unreadable.append(f"{record.source}, line {record.line}: {record.detail}")
            elif not record.diseases:
                undiagnosed += 1
            else:
                content = json.dumps(record_of(record), sort_keys=True, ensure_ascii=False)
                rows.append((content, is_test, record))
    rows.sort(key=lambda row: (row[2].id, *row[:2]))
    ids = [case.id for _, _, case in rows]
    twice = sorted({one for one, other in pairwise(ids) if one == other})
    if twice:
        raise DatasetError(
            f"{len(twice)} ids stand for several cases ({', '.join(twice[:5])}); one each was expected"
        )
    if not rows:
        raise DatasetError("no case with a diagnosis could be read")
    lines = "\n".join(f"{content} {is_test}" for content, is_test, _ in rows)
    return Dataset(
        tuple(case for _, _, case in rows),
        np.array([is_test for _, is_test, _ in rows]),
        hashlib.sha256(lines.encode()).hexdigest()[:16],
        tuple(unreadable),
        undiagnosed,
    )


class ClosedLists:
    """The closed list of a data set: all its diseases, with the local findings of training cases only."""

    def __init__(self, dataset: Dataset, knowledge_folder: Path) -> None:
        self._dataset = dataset
        self.knowledge: Knowledge = read_knowledge(knowledge_folder)

    @cached_property
    def published(self) -> AnnotationTable:
        """The rows of all diseases, which no case changes."""
        return annotation_table(self.knowledge, vocabulary_of(self.knowledge.terms))

    def without(self, train: Sequence[int]) -> tuple[ClosedList, CaseTable]:
        """(the list as the training cases make it, all cases in its terms). Raises ClosedListError."""
        seen = set(train)
        # of the others only the diagnoses are taken, so that each has a place in the list
        cases = [case if i in seen else replace(case, local={}) for i, case in enumerate(self._dataset.cases)]
        candidates = closed_list(self.knowledge, cases, published=self.published, min_cases=1)
        return candidates, candidates.table_of(cases)
