"""Ranks diseases for one patient, through onnxruntime."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ml.features.cases import CaseTable
from ml.features.encode import encode_patient
from ml.features.evidence import AnnotationTable
from ml.serving import query as queries
from ml.serving.artefact import (
    ANNOTATIONS,
    CASES,
    DISEASES,
    MODEL,
    PROFILES,
    TERMS,
    Bundle,
    Manifest,
    json_lines,
    read_bundle,
    unpack_arrays,
    unpack_cases,
    unpack_table,
)
from ml.serving.explanation import Explainer, Explanation
from ml.serving.query import Query
from ml.serving.vocabulary import Vocabulary

MOST_RANKED = 100


@dataclass(frozen=True, slots=True)
class RankedDisease:
    """One place of the list; rank counts from 1, `rarity` is "rare", "common" or None (not known)."""

    rank: int
    id: str
    name: str
    probability: float
    score: float
    rarity: str | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A ranked list, best first, and the seconds that it took."""

    ranking: tuple[RankedDisease, ...]
    seconds: float


class Predictor:
    """A loaded model. Safe to use from several threads; it keeps no state between calls and starts no thread."""

    def __init__(self, bundle: Bundle) -> None:
        self.manifest: Manifest = bundle.manifest
        self.vocabulary = Vocabulary(json_lines(bundle.files[TERMS]))
        records = json_lines(bundle.files[DISEASES])
        self._ids = tuple(record["id"] for record in records)
        self._rarity = tuple(record["rarity"] for record in records)
        self.candidates: Mapping[str, str] = {record["id"]: record["name"] for record in records}
        self._names = tuple(self.candidates.values())
        options = onnxruntime.SessionOptions()
        # one thread a call: requests share the cores, and no pool of threads has to survive a fork
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            bundle.files[MODEL], options, providers=["CPUExecutionProvider"]
        )
        profiles, _ = unpack_arrays(bundle.files[PROFILES])
        table = unpack_table(bundle.files[ANNOTATIONS])
        cases = bundle.files.get(CASES)
        # the cases that the model was trained on, or None
        self.training_cases: CaseTable | None = None if cases is None else unpack_cases(cases)
        self._explainer = Explainer(
            self.vocabulary, self.candidates, table, profiles, self.training_cases, self.run
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Predictor":
        """Open a bundle. Raises CorruptArtefact."""
        return cls(read_bundle(Path(folder)))

    def resolve(
        self,
        *,
        present: Sequence[str],
        absent: Sequence[str] = (),
        age: str | None = None,
        sex: str | None = None,
        uncertain: Sequence[str] = (),
        volunteered: Sequence[str] = (),
        may_be_empty: bool = False,
    ) -> Query:
        """Check and normalise an input; `age` is an ISO 8601 duration. Raises InvalidInput with every problem.

        `uncertain` findings came up without an answer; `volunteered` are those of the findings that were said unasked.

        With `may_be_empty` no finding needs to be present: for a case that is only begun.
        """
        return queries.resolve(
            self.vocabulary, present, absent, age, sex, uncertain=uncertain, volunteered=volunteered,
            may_be_empty=may_be_empty,
        )  # fmt: skip

    def predict(self, query: Query, top: int = MOST_RANKED) -> Prediction:
        """The `top` (at most 100) most probable diseases. Probabilities are over all candidates."""
        started = time.perf_counter()
        index, probability, score = self.run(query, "top_index", "top_probability", "top_score")
        ranking = tuple(
            RankedDisease(rank, self._ids[i], self._names[i], p, s, self._rarity[i])
            for rank, (i, p, s) in enumerate(
                zip(index[:top].tolist(), probability[:top].tolist(), score[:top].tolist(), strict=True),
                start=1,
            )
        )
        return Prediction(ranking, time.perf_counter() - started)

    def explain(self, query: Query, disease_id: str) -> Explanation:
        """Why a disease has its score. Raises UnknownDisease."""
        return self._explainer.explain(query, disease_id)

    def run(self, query: Query, *outputs: str) -> list[NDArray[Any]]:
        """Some outputs of the graph (see `ml.export.converters`) for one patient."""
        index = self.vocabulary.graph.index
        row = encode_patient(
            (index[f] for f in query.present),
            (index[f] for f in query.absent),
            query.age_years,
            query.sex,
            len(index),
            (index[f] for f in query.uncertain),
            (index[f] for f in query.volunteered),
        )
        return self.run_row(row, *outputs)

    def run_row(self, row: NDArray[np.float32], *outputs: str) -> list[NDArray[Any]]:
        """Some outputs of the graph for one row of `ml.features.encode`."""
        return list(self._session.run(list(outputs), {"patient": row[None, :]}))

    @property
    def disease_ids(self) -> tuple[str, ...]:
        """The candidates in the order of the graph's outputs."""
        return self._ids

    @property
    def annotations(self) -> AnnotationTable:
        """The published rows behind the model."""
        return self._explainer.table
