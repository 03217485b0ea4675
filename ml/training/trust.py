"""What was learned about when to trust a list: `trust.json`, one set for each kind of knowledge."""

import importlib.resources
import json
from collections.abc import Iterable
from typing import Any

from ml.training.reliability import Reliability

FILE = "trust.json"


def read_trust() -> dict[str, Any]:
    """The sets that ship with this version, and their provenance."""
    text = (importlib.resources.files("ml.training") / FILE).read_text(encoding="utf-8")
    trust: dict[str, Any] = json.loads(text)
    return trust


def nearest_set(trust: dict[str, Any], sources: Iterable[str], with_cases: bool) -> dict[str, Any]:
    """The set that was fitted on the knowledge most like `sources` (names), with or without cases.

    A set fitted with cases is never used without them, nor the other way round: such scores spread differently.
    """
    loaded = kinds_of(sources)
    same = [s for s in trust["sets"] if s["with_cases"] == with_cases]
    nearest: dict[str, Any] = min(same, key=lambda s: len(loaded ^ set(s["sources"])))
    return nearest


def kinds_of(sources: Iterable[str]) -> set[str]:
    """The publishers of some sources: "Orphanet" for "Orphanet, orphapackets, FILE"."""
    return {name.split(",")[0] for name in sources}


def reliability_of(trust: dict[str, Any] | None) -> Reliability:
    """What a set says of probabilities."""
    if trust is None:
        return Reliability()
    record = trust["reliability"]
    return Reliability(
        record["scale"], record["power"], tuple(record["evidence"]), tuple(record["none"]),
        tuple(record.get("none_evidence", (0.0, 0.0, 0.0))),
    )  # fmt: skip
