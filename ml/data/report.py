"""What became of one ingestion, for a person and for a program: rejected, repaired, left out, suspicious."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ml.data.reading import ReadingReport, Repair
from ml.serving.age import InvalidAge, years_of
from ml.serving.phenopacket import LineError, PacketCase

if TYPE_CHECKING:
    from ml.data.validation import Validator

_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Policy:
    """`error_budget`: the share of rows, and of files, that may be rejected before the whole is quarantined.

    `tolerance`: by how much a share may differ from the last accepted version, beyond three standard errors.
    """

    error_budget: float = 0.05
    tolerance: float = 0.1


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the report. `row` is 0 for a whole file; `before` and `after` are filled for repairs only."""

    file: str
    row: int
    why: str
    field: str = ""
    before: str = ""
    after: str | None = None


@dataclass(frozen=True, slots=True)
class IngestionReport:
    """`left_out` are values that could not be read in cases that are used without them. `files` is name -> SHA-256."""

    files: Mapping[str, str]
    n_rows: int
    n_used: int
    rejected: tuple[Entry, ...]
    repaired: tuple[Entry, ...]
    left_out: tuple[Entry, ...]
    suspicious: tuple[Entry, ...]
    codes: Mapping[str, int]
    unlisted: Mapping[str, int]
    statistics: Mapping[str, float]
    quarantine: tuple[str, ...]

    @classmethod
    def of(
        cls,
        reading: ReadingReport,
        validator: Validator,
        cases: Sequence[PacketCase],
        files: Mapping[str, str],
        last: Mapping[str, float] | None,
        policy: Policy,
    ) -> IngestionReport:
        """All of it in one report, and whether the errors are within the budget."""
        rejected = _entries([*reading.rejected, *validator.rejected])
        statistics = statistics_of(cases)
        n_rows = len(cases) + len(rejected)
        moved = _moved(statistics, last, len(cases), policy.tolerance) if last and cases else ()
        # what the data say of themselves first: of resemblances there may be many
        suspicious = (*_entries(reading.contradictions), *_entries(validator.suspicious))
        unlisted = [
            Entry("", 0, f"code {code!r} ({n}x) is in no mapping set: a local finding")
            for code, n in reading.unlisted.most_common()
        ]
        return cls(
            files=dict(files),
            n_rows=n_rows,
            n_used=len(cases),
            rejected=rejected,
            repaired=tuple(map(_repair, [*reading.repaired, *validator.repaired])),
            left_out=_entries(reading.problems),
            suspicious=(*moved, *suspicious, *unlisted),
            codes=dict(Counter(reading.kind_of_code.values())),
            unlisted=dict(reading.unlisted.most_common()),
            statistics=statistics,
            quarantine=_quarantine(rejected, {case.source for case in cases}, n_rows, policy),
        )

    @property
    def is_accepted(self) -> bool:
        """Whether it may be trained on."""
        return not self.quarantine

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"state": "accepted" if self.is_accepted else "quarantined"}

    def _counts(self) -> str:
        return (
            f"{self.n_used:,} of {self.n_rows:,} rows of {len(self.files):,} files are used; "
            f"{len(self.rejected):,} rejected, {len(self.repaired):,} values repaired, "
            f"{len(self.left_out):,} left out, {len(self.suspicious):,} suspicious.\n"
        )

    def as_markdown(self) -> str:
        """For reading."""
        verdict = "accepted" if self.is_accepted else "QUARANTINED: " + "; ".join(self.quarantine)
        parts = [
            f"# Ingestion: {verdict}\n",
            self._counts(),
        ]
        for title, entries in (
            ("Rejected", self.rejected),
            ("Repaired", self.repaired),
            ("Left out", self.left_out),
            ("Suspicious", self.suspicious),
        ):
            if entries:
                parts.append(f"## {title}\n\n| file | row | why |\n|---|---|---|")
                parts += [
                    f"| {_cell(e.file)} | {e.row or ''} | {_cell(e.why)} |" for e in entries[:_MOST_SHOWN]
                ]
                if len(entries) > _MOST_SHOWN:
                    parts.append(f"\n... and {len(entries) - _MOST_SHOWN:,} more in the JSON report")
                parts.append("")
        return "\n".join(parts) + "\n"


def statistics_of(cases: Sequence[PacketCase]) -> dict[str, float]:
    """Shares of the cases, each 0 to 1, by which the next version is judged."""
    n = max(len(cases), 1)
    diagnoses = Counter(disease for case in cases for disease in case.diseases)
    findings = Counter(finding for case in cases for finding in case.present)
    ages = [_years(case.age) for case in cases]
    shares = {
        "age known": sum(age is not None for age in ages),
        "under 18 years": sum(age is not None and age < 18 for age in ages),
        "sex known": sum(case.sex in ("female", "male") for case in cases),
        "female": sum(case.sex == "female" for case in cases),
        "more than 5 findings": sum(len(case.present) + len(case.absent) > 5 for case in cases),
        "with an absent finding": sum(bool(case.absent) for case in cases),
        "with a local finding": sum(bool(case.local) for case in cases),
    }
    shares |= {f"diagnosis {identity}": count for identity, count in diagnoses.most_common(20)}
    shares |= {f"finding {identity}": count for identity, count in findings.most_common(50)}
    return {name: count / n for name, count in shares.items()}


def _moved(
    now: Mapping[str, float], last: Mapping[str, float], n: int, tolerance: float
) -> tuple[Entry, ...]:
    found = []
    for name, before in last.items():
        after = now.get(name, 0.0)
        error = 3 * math.sqrt(max(before * (1 - before), 0.0) / n)
        if abs(after - before) > tolerance + error:
            found.append(Entry("", 0, f"{name}: {after:.0%} of the cases; {before:.0%} in the last version"))
    return tuple(found)


def _quarantine(rejected: Sequence[Entry], used: set[str], n_rows: int, policy: Policy) -> tuple[str, ...]:
    files = {entry.file for entry in rejected} | used
    found = []
    if not used:
        found.append("no case can be used")
    if n_rows and len(rejected) / n_rows > policy.error_budget:
        found.append(
            f"{len(rejected):,} of {n_rows:,} rows rejected; the budget is {policy.error_budget:.1%}"
        )
    useless = len(files - used)
    if files and useless / len(files) > policy.error_budget:
        found.append(
            f"nothing of {useless:,} of {len(files):,} files can be used; the budget is {policy.error_budget:.1%}"
        )
    return tuple(found)


def _entries(errors: Sequence[LineError]) -> tuple[Entry, ...]:
    return tuple(
        Entry(error.source, error.line, error.detail)
        for error in sorted(errors, key=lambda error: (error.source, error.line))
    )


def _repair(repair: Repair) -> Entry:
    after = "not given" if repair.after is None else repr(repair.after)
    why = f"{repair.field}: {repair.before!r} read as {after}"
    return Entry(repair.source, repair.line, why, repair.field, repair.before, repair.after)


def _years(age: str | None) -> float | None:
    try:
        return None if age is None else years_of(age)
    except InvalidAge:
        return None


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
