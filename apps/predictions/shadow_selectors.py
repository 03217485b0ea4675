"""How a candidate in the shadow compares with what was shown."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from apps.accounts.actors import Actor
from apps.accounts.selectors import in_each_organisation
from apps.core.capabilities import Capability
from apps.core.problems import Denied
from apps.predictions.models import ShadowScore
from apps.predictions.watched import records_of
from apps.registry.models import ModelVersion

# The newest scores that are compared: some MB.
MOST_COMPARED = 2_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of `n` scores, `n_failed` without a list. Shares are 0 to 1, times milliseconds; None: there is nothing to say.

    `n_known` predictions have a confirmed diagnosis; of these, how often it is in the lists: (shown, candidate).
    """

    n: int
    n_failed: int
    same_first: float | None
    shared_of_ten: float | None
    p99_ms: tuple[float, float] | None
    n_known: int
    top_1: tuple[float, float] | None
    top_10: tuple[float, float] | None


def compare_shadow(*, actor: Actor, model: ModelVersion) -> Comparison:
    """The last scores of a candidate, of all organisations together: numbers, and nobody's. Raises Denied."""
    if not actor.can(Capability.MODEL_READ):
        raise Denied("model.read", "model")
    found = in_each_organisation(lambda _organisation_id: list(_newest(model)))
    rows = sorted((row for rows in found for row in rows), key=lambda row: row["pk"], reverse=True)
    rows = rows[:MOST_COMPARED]
    scored = [row for row in rows if not row["error"]]
    heads: dict[str, list[Any]] = {str(row["prediction_id"]): row["head"] for row in scored}
    known = [r for r in records_of([UUID(pk) for pk in heads]) if r.outcome is not None]
    hits = {
        k: [
            (record.hit(k), any(disease == record.outcome for disease, _p in heads[record.id][:k]))
            for record in known
        ]
        for k in (1, 10)
    }
    return Comparison(
        n=len(rows),
        n_failed=len(rows) - len(scored),
        same_first=_mean([row["same_first"] for row in scored]),
        shared_of_ten=_mean([row["shared_of_ten"] / 10 for row in scored]),
        p99_ms=(
            _p99([row["prediction__latency_ms"] for row in scored]),
            _p99([row["latency_ms"] for row in scored]),
        )
        if scored
        else None,
        n_known=len(known),
        top_1=_both(hits[1]),
        top_10=_both(hits[10]),
    )


def _newest(model: ModelVersion) -> Any:
    return (
        ShadowScore.objects.filter(model=model)
        .order_by("-pk")
        .values(
            "pk", "prediction_id", "head", "same_first", "shared_of_ten", "latency_ms", "error",
            "prediction__latency_ms",
        )[:MOST_COMPARED]
    )  # fmt: skip


def _mean(values: list[Any]) -> float | None:
    return float(np.mean(values)) if values else None


def _p99(milliseconds: list[float]) -> float:
    return float(np.quantile(milliseconds, 0.99))


def _both(hits: list[tuple[bool, bool]]) -> tuple[float, float] | None:
    if not hits:
        return None
    shown, candidate = np.mean(hits, axis=0)
    return float(shown), float(candidate)
