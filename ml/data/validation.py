"""Which cases may be used: ranges, nulls and duplicates by pandera, ids by the HPO that is loaded."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas
import pandera.pandas as pa

from ml.data.reading import Repair
from ml.knowledge.model import Term
from ml.serving.phenopacket import LineError, PacketCase
from ml.serving.vocabulary import HPO_ID

# Two cases with the same few findings are common; with so many they are more likely one patient twice.
MOST_ALIKE = 5


class Validator:
    """Judges cases; `rejected`, `repaired` and `suspicious` say what it did and why."""

    def __init__(self, terms: Iterable[Term]) -> None:
        """`terms` of HPO, obsolete ones too; without any, ids are not judged."""
        self._terms = {term.id: term for term in terms}
        self._current = {
            other: term.id for term in self._terms.values() for other in term.alt_ids if not term.obsolete
        }
        self.rejected: list[LineError] = []
        self.repaired: list[Repair] = []
        self.suspicious: list[LineError] = []

    def accepted(self, cases: Sequence[PacketCase], *, needs_diagnosis: bool) -> list[PacketCase]:
        """The cases that may be used, in order, with obsolete ids of findings replaced where HPO says by what."""
        cases = [self._with_current_ids(case) for case in cases]
        frame = pandas.DataFrame(
            {
                "id": [case.id for case in cases],
                "findings": [len(case.present) + len(case.absent) + len(case.uncertain) for case in cases],
                "diagnoses": [len(case.diseases) for case in cases],
            }
        )
        failed: dict[int, str] = {}
        if cases:
            try:
                _schema(needs_diagnosis).validate(frame, lazy=True)
            except pa.errors.SchemaErrors as errors:
                for row in errors.failure_cases.itertuples():
                    failed.setdefault(int(row.index), str(row.check))
        first: dict[str, PacketCase] = {}
        alike: dict[tuple[object, ...], PacketCase] = {}
        used = []
        for i, case in enumerate(cases):
            before = first.setdefault(case.id, case)
            if before is not case:
                self._reject(
                    case, f"id {case.id!r} stands in {_place(before)} already: the same patient twice"
                )
            elif i in failed:
                self._reject(case, failed[i])
            else:
                self._compare(case, alike)
                used.append(case)
        return used

    def _reject(self, case: PacketCase, why: str) -> None:
        self.rejected.append(LineError(case.line, why, case.source))

    def _compare(self, case: PacketCase, alike: dict[tuple[object, ...], PacketCase]) -> None:
        content = (frozenset(case.present), frozenset(case.absent), case.age, case.sex, case.diseases)
        if len(case.present) + len(case.absent) < MOST_ALIKE:
            return
        before = alike.setdefault(content, case)
        if before is not case:
            why = f"the same in everything but its id as {_place(before)}: perhaps the same patient twice"
            self.suspicious.append(LineError(case.line, why, case.source))

    def _with_current_ids(self, case: PacketCase) -> PacketCase:
        if not self._terms:
            return case
        named = {finding: self._current_id(case, finding) for finding in _findings(case)}
        if all(old == new for old, new in named.items()):
            return case
        return replace(
            case,
            present=tuple(dict.fromkeys(named[i] for i in case.present)),
            absent=tuple(dict.fromkeys(named[i] for i in case.absent)),
            uncertain=tuple(dict.fromkeys(named[i] for i in case.uncertain)),
            volunteered=tuple(dict.fromkeys(named[i] for i in case.volunteered)),
            labels={named.get(i, i): label for i, label in case.labels.items()},
        )

    def _current_id(self, case: PacketCase, finding: str) -> str:
        term = self._terms.get(finding)
        if not HPO_ID.fullmatch(finding) or (term is not None and not term.obsolete):
            return finding
        instead = self._current.get(finding) if term is None else term.replaced_by
        if instead in self._terms and not self._terms[instead].obsolete:
            self.repaired.append(Repair(case.source, case.line, "finding", finding, instead))
            return instead
        what = (
            "is not known to HPO"
            if term is None
            else "is obsolete, and HPO does not say by what it is replaced"
        )
        self.suspicious.append(
            LineError(case.line, f"finding {finding} {what}; it counts for nothing", case.source)
        )
        return finding


def _schema(needs_diagnosis: bool) -> pa.DataFrameSchema:
    least = 1 if needs_diagnosis else 0
    return pa.DataFrameSchema(
        {
            "id": pa.Column(str, nullable=False),
            "findings": pa.Column(int, pa.Check.ge(1, error="no finding: nothing can be learned from it")),
            "diagnoses": pa.Column(int, pa.Check.ge(least, error="no diagnosis")),
        }
    )


def _findings(case: PacketCase) -> tuple[str, ...]:
    return (*case.present, *case.absent, *case.uncertain, *case.volunteered)


def _place(case: PacketCase) -> str:
    return f"{case.source}, row {case.line}"
