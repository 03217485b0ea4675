"""What speaks for each disease before any finding: named priors, and a clinic's own mix of diagnoses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.serving.query import InvalidInput, Issue

LITERATURE, PREVALENCE, UNIFORM, CLINIC = "literature", "prevalence", "uniform", "clinic"
DEFAULT = LITERATURE
NAMES = (LITERATURE, PREVALENCE, UNIFORM)
# a clinic's counts are read as if it had seen this many patients with the mix of the prevalence prior before
CLINIC_STRENGTH = 100.0
MOST_COUNTED = 10_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """`log` [diseases]: natural logs of relative weights, added to the score; only differences matter."""

    name: str
    log: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PriorBasis:
    """What a disease's weight rests on.

    `value` as published ("1-5 / 10 000") or counted ("14 publications"), `kind` (point prevalence, annual incidence,
    lifetime prevalence, ... or publications), `source`. `per_100000` is the figure that the weight was made of: new
    patients per 100,000 people a year, after the conversions of docs/adr/0017; None where it is no frequency. `assumed`
    is True where no figure was found and a default stands in.
    """

    value: str
    kind: str
    source: str
    per_100000: float | None
    assumed: bool


class Priors:
    """The priors of one model, from the arrays and texts of its `priors.npz`."""

    def __init__(
        self,
        arrays: Mapping[str, NDArray[Any]],
        texts: Mapping[str, tuple[str, ...]],
        numbers: Mapping[str, int],
    ) -> None:
        self._arrays, self._texts, self._numbers = arrays, texts, numbers
        n = len(arrays[LITERATURE])
        self._logs = {LITERATURE: arrays[LITERATURE], PREVALENCE: arrays[PREVALENCE], UNIFORM: np.zeros(n)}
        weight = np.exp(self._logs[PREVALENCE] - self._logs[PREVALENCE].max())
        self._share = weight / weight.sum()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that `named` takes."""
        return NAMES

    def named(self, prior: str | Prior | None) -> Prior:
        """The prior of a name, the default for None, a prior object as it is. Raises InvalidInput."""
        if isinstance(prior, Prior):
            if prior.log.shape != self._logs[UNIFORM].shape or not np.isfinite(prior.log).all():
                detail = (
                    f"{len(self._logs[UNIFORM])} finite logs of weights were expected, one for each disease"
                )
                raise InvalidInput([Issue("prior", "invalid_prior", detail, prior.name)])
            return prior
        name = DEFAULT if prior is None else prior
        if name not in self._logs:
            detail = f"{name[:40]!r} is no prior of this model; one of {', '.join(NAMES)} was expected"
            raise InvalidInput([Issue("prior", "unknown_prior", detail, name[:40])])
        return Prior(name, self._logs[name])

    def clinic(self, counts: Mapping[str, int]) -> Prior:
        """A prior from the number of patients that a clinic diagnosed with each disease. Raises InvalidInput.

        The mean of a Dirichlet distribution: `CLINIC_STRENGTH` patients spread as the prevalence prior spreads them,
        and the clinic's own. Few counts change little; without any it would be the prevalence prior. Ids may be any
        that means a disease; several of one disease are added up.
        """
        issues = list(self._problems(counts))
        if issues:
            raise InvalidInput(issues)
        seen = np.zeros(len(self._share))
        for identity, count in counts.items():
            seen[self._numbers[identity]] += count
        mix = (seen + CLINIC_STRENGTH * self._share) / (seen.sum() + CLINIC_STRENGTH)
        return Prior(CLINIC, np.log(mix))

    def _problems(self, counts: Mapping[str, int]) -> Iterable[Issue]:
        if not counts:
            yield Issue("counts", "no_counts", "no count is given; at least one disease was expected", None)
        for identity, count in counts.items():
            field = f"counts[{str(identity)[:40]}]"
            if identity not in self._numbers:
                detail = f"{str(identity)[:40]!r} is no disease of this model"
                yield Issue(field, "unknown_disease", detail, str(identity)[:40])
            if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_COUNTED:
                detail = f"{str(count)[:40]!r}; a whole number from 0 to {MOST_COUNTED:,} was expected"
                yield Issue(field, "invalid_count", detail, str(count)[:40])

    def basis(self, disease: int, name: str) -> PriorBasis:
        """What a disease's weight rests on, for a named prior."""
        if name == LITERATURE and "n_cases" in self._arrays:
            # a closed list's default is the mix of its cases (docs/adr/0019)
            n = int(self._arrays["n_cases"][disease])
            return PriorBasis(f"{n} cases", "cases", "the cases that the model learned from", None, False)
        if name == LITERATURE:
            n = int(self._arrays["n_references"][disease])
            text = f"{n} publication" + ("s" if n != 1 else "")
            return PriorBasis(text, "publications", "references of the annotations", None, False)
        if name == UNIFORM:
            return PriorBasis("1", "the same for every disease", "", None, False)
        texts = self._texts
        return PriorBasis(
            texts["value"][self._arrays["value"][disease]],
            texts["kind"][self._arrays["kind"][disease]],
            texts["source"][self._arrays["source"][disease]],
            float(self._arrays["per_100000"][disease]),
            bool(self._arrays["assumed"][disease]),
        )
