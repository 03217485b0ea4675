"""Cases as indices of terms and diseases. Needs numpy only, because the served bundle carries training cases too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ml.features.encode import encode_patient


@dataclass(frozen=True)
class CaseTable:
    """n cases. `disease` [n] is -1 where the diagnosis is no candidate; terms are indices of the graph, ascending.

    `uncertain` findings came up and nobody knows; `volunteered` are the findings of any state that were said unasked.
    Left empty, no case has any.
    """

    disease: NDArray[np.int64]
    present: tuple[tuple[int, ...], ...]
    absent: tuple[tuple[int, ...], ...]
    publications: tuple[tuple[str, ...], ...]
    age_years: tuple[float | None, ...]
    sex: tuple[str | None, ...]
    uncertain: tuple[tuple[int, ...], ...] = ()
    volunteered: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in ("uncertain", "volunteered"):
            if not getattr(self, name):
                object.__setattr__(self, name, ((),) * len(self.disease))

    def __len__(self) -> int:
        return len(self.disease)

    @cached_property
    def _members(self) -> Mapping[int, tuple[int, ...]]:
        members: dict[int, list[int]] = {}
        for case, disease in enumerate(self.disease.tolist()):
            members.setdefault(disease, []).append(case)
        return {disease: tuple(cases) for disease, cases in members.items()}

    def of_disease(self, disease: int) -> tuple[int, ...]:
        """Numbers of the cases with this diagnosis."""
        return self._members.get(disease, ())

    def take(self, cases: Iterable[int]) -> "CaseTable":
        """Some of the cases, in the order given."""
        picked: Sequence[int] = list(cases)
        return CaseTable(
            self.disease[picked],
            tuple(self.present[c] for c in picked),
            tuple(self.absent[c] for c in picked),
            tuple(self.publications[c] for c in picked),
            tuple(self.age_years[c] for c in picked),
            tuple(self.sex[c] for c in picked),
            tuple(self.uncertain[c] for c in picked),
            tuple(self.volunteered[c] for c in picked),
        )

    def encode(self, n_terms: int) -> NDArray[np.float32]:
        """The estimators' input [n, n_terms + 2] (see `ml.features.encode`)."""
        columns = (self.present, self.absent, self.age_years, self.sex, self.uncertain, self.volunteered)
        rows = [
            encode_patient(present, absent, age, sex, n_terms, uncertain, volunteered)
            for present, absent, age, sex, uncertain, volunteered in zip(*columns, strict=True)
        ]
        return np.stack(rows) if rows else np.zeros((0, n_terms + 2), np.float32)
