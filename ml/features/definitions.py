"""One definition of each feature of a case, computed by the same lines for training and for serving.

What a feature means stands in `DEFINITIONS`; which findings have a column, what each finding tells and the components
are fitted (`ml.features.fitting`). Both together are the feature version: its hash changes when either does. Needs
numpy only, because serving uses it too.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.features.cases import CaseTable
from ml.features.encode import N_AGES, SEXES, UNKNOWN_AGE, age_interval
from ml.features.findings import scored_findings
from ml.features.graph import TermGraph

STATES = ("present", "absent", "uncertain", "volunteered")
PRESENT, ABSENT, UNCERTAIN, VOLUNTEERED = range(4)


class Definition(NamedTuple):
    """A family of features; whoever changes how it is computed raises its `revision`."""

    name: str
    describes: str
    revision: int


DEFINITIONS = (
    Definition("present", "1: the patient has this finding, or a more specific one that implies it", 1),
    Definition("absent", "1: this finding, or a more general one that includes it, is absent; implied ones aside", 1),
    Definition("uncertain", "1: it or a more specific one came up without an answer, and none is present", 1),
    Definition("volunteered", "1: this finding was said unasked, in whatever state", 1),
    Definition("information", "sum of the information content (nats) of the findings that count, by state", 1),
    Definition("system", "of each child of HP:0000118: findings present, their information, findings absent", 1),
    Definition("count", "number of findings by state, and of the present ones that no other implies", 1),
    Definition("age_years", "age in years, -1 unknown", 1),
    Definition("age_band", "1 for the interval of ml.features.encode.AGE_EDGES; band 0 is unknown", 1),
    Definition("sex", "1 for the code of the sex", 1),
    Definition("component", "coordinate in the truncated singular value decomposition of the finding columns", 1),
)  # fmt: skip


class Column(NamedTuple):
    """A finding (id) in a state (index of `STATES`)."""

    state: int
    term: str


@dataclass(frozen=True)
class Findings:
    """What is known of one patient; terms are indices of the graph."""

    present: tuple[int, ...]
    absent: tuple[int, ...] = ()
    uncertain: tuple[int, ...] = ()
    volunteered: tuple[int, ...] = ()
    age_years: float | None = None
    sex: str | None = None

    @classmethod
    def of_case(cls, cases: CaseTable, case: int) -> "Findings":
        """One case of a table."""
        return cls(
            cases.present[case], cases.absent[case], cases.uncertain[case], cases.volunteered[case],
            cases.age_years[case], cases.sex[case],
        )  # fmt: skip


class FindingColumns:
    """Which columns a patient's findings set to 1. Columns whose term the graph lacks stay 0."""

    def __init__(self, graph: TermGraph, columns: Sequence[Column]) -> None:
        self._graph = graph
        self._number: dict[tuple[int, int], int] = {}
        # absence goes down the ontology: what is absent sets the columns of all that it includes
        self._included: dict[int, list[int]] = {}
        for number, (state, term) in enumerate(columns):
            if term not in graph.index:
                continue
            index = graph.index[term]
            self._number[state, index] = number
            if state == ABSENT:
                for general in graph.closure(index):
                    self._included.setdefault(general, []).append(number)

    def active(self, patient: Findings) -> NDArray[np.int64]:
        """Numbers of the columns that are 1, ascending."""
        implied = self._above(patient.present)
        found = {self._number.get((PRESENT, t)) for t in implied}
        found |= {self._number.get((UNCERTAIN, t)) for t in self._above(patient.uncertain) - implied}
        found |= {self._number.get((VOLUNTEERED, t)) for t in patient.volunteered}
        found |= {n for t in patient.absent if t not in implied for n in self._included.get(t, ())}
        return np.array(sorted(n for n in found if n is not None), np.int64)

    def _above(self, terms: Iterable[int]) -> set[int]:
        return {general for term in terms for general in self._graph.closure(term)}


@dataclass(frozen=True)
class Fitted:
    """Fitted parameters: `columns` that were selected; `information` in nats by term id; `systems`, ids of the organ
    systems; `components` [components, columns]."""

    columns: tuple[Column, ...]
    information: Mapping[str, float]
    systems: tuple[str, ...]
    components: NDArray[np.float64]

    def pack(self) -> bytes:
        """As one npz file, the same bytes for the same content."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            allow_pickle=False,
            parameters=np.frombuffer(self._texts().encode(), np.uint8),
            components=self.components,
        )
        return stream.getvalue()

    @classmethod
    def unpack(cls, raw: bytes) -> "Fitted":
        """The inverse of `pack`."""
        with np.load(io.BytesIO(raw), allow_pickle=False) as packed:
            texts: dict[str, Any] = json.loads(packed["parameters"].tobytes())
            components = packed["components"]
        return cls(
            tuple(Column(*column) for column in texts["columns"]),
            texts["information"],
            tuple(texts["systems"]),
            components,
        )

    def _texts(self) -> str:
        texts = {"columns": self.columns, "information": dict(self.information), "systems": self.systems}
        return json.dumps(texts, ensure_ascii=False, sort_keys=True)

    @cached_property
    def version(self) -> str:
        """SHA-256 (first 16 hex digits) of `DEFINITIONS` and of all fitted parameters."""
        content = hashlib.sha256(json.dumps(DEFINITIONS).encode())
        content.update(self._texts().encode())
        content.update(str(self.components.shape).encode() + self.components.astype("<f8").tobytes())
        return content.hexdigest()[:16]


class FeatureSet:
    """Features of patients over one graph; the same row for the same patient wherever it is computed."""

    def __init__(self, graph: TermGraph, fitted: Fitted) -> None:
        self.fitted = fitted
        self._graph = graph
        self._columns = FindingColumns(graph, fitted.columns)
        self._information = np.array([fitted.information.get(term, 0.0) for term in graph.ids])
        self._system = {graph.index[s]: k for k, s in enumerate(fitted.systems) if s in graph.index}
        self.names = (
            *(f"{STATES[state]}:{term}" for state, term in fitted.columns),
            *(f"information:{state}" for state in STATES[:3]),
            *(f"system:{part}:{s}" for part in ("present", "information", "absent") for s in fitted.systems),
            *(f"count:{state}" for state in (*STATES, "specific")),
            "age_years",
            *(f"age_band:{band}" for band in range(N_AGES)),
            *(f"sex:{sex}" for sex in SEXES),
            *(f"component:{k}" for k in range(len(fitted.components))),
        )

    @property
    def version(self) -> str:
        """The feature version."""
        return self.fitted.version

    def numbers_of(self, *families: str) -> list[int]:
        """The columns of some families of `DEFINITIONS`."""
        return [i for i, name in enumerate(self.names) if name.partition(":")[0] in families]

    def row(self, patient: Findings) -> NDArray[np.float32]:
        """[features] of one patient."""
        active = self._columns.active(patient)
        states = np.zeros(len(self.fitted.columns))
        states[active] = 1.0
        present, absent = scored_findings(self._graph, patient.present, patient.absent)
        tells = [
            float(self._information[list(terms)].sum()) for terms in (present, absent, patient.uncertain)
        ]
        systems = np.zeros((3, len(self.fitted.systems)))
        for term in present:
            for system in self._systems_of(term):
                systems[0, system] += 1
                systems[1, system] += self._information[term]
        for term in absent:
            for system in self._systems_of(term):
                systems[2, system] += 1
        said = (patient.present, patient.absent, patient.uncertain, patient.volunteered, present)
        age = UNKNOWN_AGE if patient.age_years is None else patient.age_years
        bands = np.eye(N_AGES)[age_interval(np.array([age], np.float32))[0]]
        sex = np.eye(len(SEXES))[SEXES.index(patient.sex or "unknown")]
        # plain additions in a fixed order: a product of matrices rounds differently for one row and for many
        components = self.fitted.components[:, active].sum(axis=1)
        parts = (
            states,
            tells,
            systems.ravel(),
            [len(terms) for terms in said],
            [age],
            bands,
            sex,
            components,
        )
        return np.concatenate(parts).astype(np.float32)

    def table(self, cases: CaseTable) -> NDArray[np.float32]:
        """[cases, features]."""
        rows = [self.row(Findings.of_case(cases, case)) for case in range(len(cases))]
        return np.stack(rows) if rows else np.zeros((0, len(self.names)), np.float32)

    def _systems_of(self, term: int) -> list[int]:
        return sorted(self._system[a] for a in self._graph.closure(term) if a in self._system)
