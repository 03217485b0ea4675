"""A closed list: the diseases of some cases, and no other, as candidates."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.errors import EngineError
from ml.features.cases import CaseTable
from ml.features.evidence import AnnotationTable
from ml.features.graph import TermGraph
from ml.knowledge import Disease, Knowledge
from ml.serving.phenopacket import PacketCase
from ml.serving.vocabulary import Vocabulary
from ml.training.data import annotation_table, case_table, vocabulary_of
from ml.training.local import with_local_findings
from ml.training.parameters import new_ranker, read_parameters
from ml.training.profiles import Evidence
from ml.training.ranker import PhenotypeRanker
from ml.training.stacking import LearnedScore

# inner folds of five need some cases of each disease on either side
MIN_CASES = 10


class ClosedListError(EngineError, ValueError):
    """The cases make no closed list; the message says why."""


@dataclass(frozen=True)
class ClosedList:
    """The diseases of the cases with at least `MIN_CASES`, as candidates 0..n-1 in order of id.

    `knowledge` has the cases' local findings as terms, and an entry for each candidate; `table` the published rows of
    the candidates (none for a disease that knowledge lacks); `left_out` the diseases with fewer cases.
    """

    knowledge: Knowledge
    vocabulary: Vocabulary
    table: AnnotationTable
    numbers: dict[str, int]
    left_out: dict[str, int]

    @property
    def graph(self) -> TermGraph:
        """The graph of findings."""
        return self.vocabulary.graph

    def table_of(self, cases: Iterable[PacketCase]) -> CaseTable:
        """The cases that have one of the candidates as diagnosis."""
        loaded = case_table(cases, self.vocabulary, self.numbers).table
        return loaded.take(np.flatnonzero(loaded.disease >= 0).tolist())


def closed_list(
    knowledge: Knowledge, cases: Sequence[PacketCase], say: Callable[[str], None] = lambda _: None,
    published: AnnotationTable | None = None, min_cases: int = MIN_CASES,
) -> ClosedList:  # fmt: skip
    """Make the list from the diagnoses of some cases. Raises ClosedListError.

    `published` is the knowledge's `annotation_table`, where it is at hand. A `LearnedScore` needs the default of
    `min_cases`.
    """
    known = {identity: disease for disease in knowledge.diseases for identity in disease.ids}
    names = {identity: label for case in cases for identity, label in case.labels.items()}
    diagnoses = [case.diseases[0] for case in cases if case.diseases]
    counts = Counter(known[d].id if d in known else d for d in diagnoses)
    left_out = {identity: n for identity, n in sorted(counts.items()) if n < min_cases}
    candidates = sorted(counts.keys() - left_out.keys())
    for identity, n in left_out.items():
        say(f"  {identity} left out: {n} cases; at least {min_cases} were expected")
    if len(candidates) < 2:
        raise ClosedListError(
            f"{len(candidates)} diseases have at least {min_cases} cases; two or more were expected"
        )
    vocabulary = vocabulary_of(knowledge.terms)
    table = annotation_table(knowledge, vocabulary) if published is None else published
    added = with_local_findings(knowledge, vocabulary, cases)
    say(f"  {len(candidates)} candidates, {len(added.terms) - len(knowledge.terms)} local findings")
    new = [
        Disease(i, names.get(i, i), i.partition(":")[0], None, None, 0, (i,))
        for i in candidates
        if i not in known
    ]
    knowledge = replace(added, diseases=(*added.diseases, *new))
    vocabulary = vocabulary_of(knowledge.terms)
    table = _of_candidates(table, candidates)
    numbers = {
        identity: number
        for number, candidate in enumerate(candidates)
        for identity in (known[candidate].ids if candidate in known else (candidate,))
    }
    return ClosedList(knowledge, vocabulary, table, numbers, left_out)


def _of_candidates(table: AnnotationTable, candidates: Sequence[str]) -> AnnotationTable:
    """The rows of some diseases, which may have none, numbered anew."""
    number = {identity: i for i, identity in enumerate(candidates)}
    renumbered = np.array([number.get(identity, -1) for identity in table.diseases], np.int32)
    kept = table.take(np.flatnonzero(renumbered[table.columns["disease"]] >= 0))
    columns = kept.columns | {"disease": renumbered[kept.columns["disease"]]}
    return replace(kept, diseases=tuple(candidates), columns=columns, siblings=())


def fit_closed(
    candidates: ClosedList, cases: CaseTable | None, learned: LearnedScore | None
) -> PhenotypeRanker:
    """A ranker of the closed list; without `learned`, knowledge and counts alone; without cases, knowledge alone."""
    ranker = new_ranker(read_parameters()).set_params(learned=learned)
    return ranker.fit(Evidence(candidates.graph, candidates.table, cases))
