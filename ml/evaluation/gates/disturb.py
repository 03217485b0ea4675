"""The same cases, told worse: findings forgotten, findings that do not belong, findings said less precisely."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ml.serving.phenopacket import PacketCase
from ml.serving.vocabulary import Vocabulary

_FORGOTTEN, _STRANGE, _VAGUE = 0.2, 2, 0.3

Change = Callable[[PacketCase, np.random.Generator], PacketCase]


def changes(vocabulary: Vocabulary) -> dict[str, Change]:
    """What is done to a case -> the function that does it; ids that the vocabulary lacks stay as they are."""
    graph = vocabulary.graph
    root = {term for term in range(len(graph)) if not graph.parents[term]}

    def forget(case: PacketCase, random: np.random.Generator) -> PacketCase:
        def kept(findings: Sequence[str]) -> tuple[str, ...]:
            return tuple(f for f in findings if random.random() >= _FORGOTTEN)

        return replace(case, present=kept(case.present), absent=kept(case.absent))

    def disturb(case: PacketCase, random: np.random.Generator) -> PacketCase:
        known = {*case.present, *case.absent}
        strange = [graph.ids[t] for t in random.choice(len(graph), min(_STRANGE, len(graph)), replace=False)]
        return replace(case, present=(*case.present, *(f for f in strange if f not in known)))

    def generalise(case: PacketCase, random: np.random.Generator) -> PacketCase:
        def said(finding: str) -> str:
            current = vocabulary.current(finding)
            term = None if current is None else graph.index.get(current)
            if term is None or random.random() >= _VAGUE:
                return finding
            # a finding directly under the root would tell nothing any more
            parents = [parent for parent in graph.parents[term] if parent not in root]
            return graph.ids[int(random.choice(parents))] if parents else finding

        return replace(case, present=tuple(dict.fromkeys(map(said, case.present))))

    return {
        f"loses {_FORGOTTEN:.0%} of its findings": forget,
        f"gains {_STRANGE} findings of no meaning": disturb,
        f"has {_VAGUE:.0%} of its findings in general terms": generalise,
    }


def disturbed(cases: Sequence[PacketCase], change: Change, seed: int) -> list[PacketCase]:
    """Each case changed; the same seed makes the same changes."""
    random = np.random.default_rng(seed)
    return [change(case, random) for case in cases]
