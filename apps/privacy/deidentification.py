"""Clinical data without what tells whom they are about, for research (ADR 36).

Nothing here reads a table or names a person: `deidentify` is given what is known of each patient, and gives back cases
under new random ids, with a report of what was done to them and what risk is left.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

# One in eleven is the risk of 9 % that EMA (policy 0070) and Health Canada (PRCI) recommend as the most for clinical
# data that are published. Nobody gets groups of less than 5.
DEFAULT_K, LEAST_K, MOST_K = 11, 5, 1000
# Each patient's dates are moved back by as many days, 1 to this many, which are nowhere kept.
MOST_DAYS_SHIFTED = 365
# Ages of 90 and more are one band (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C)).
_OLDEST = 90
UNKNOWN_SEX = "unknown"
# Above all findings: to have one of these says nothing.
_TOPS = {"HP:0000001", "HP:0000118"}

T = TypeVar("T", bound=Hashable)
Band = tuple[int, int | None]  # completed years, both included; None: without an end


@dataclass(frozen=True, slots=True)
class Encounter:
    """What is known of one case. `age` in completed years; findings are term ids; `disease` is (id, name)."""

    age: int | None
    entered: date
    confirmed: date | None
    disease: tuple[str, str] | None
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient with his cases."""

    id: UUID
    sex: str
    encounters: tuple[Encounter, ...]


@dataclass(frozen=True, slots=True)
class ReleasedCase:
    """A case as it may leave. `is_withheld`: there is a confirmed disease that too few patients have."""

    patient: str
    case: str
    sex: str
    band: Band | None
    entered: date
    confirmed: date | None
    disease: tuple[str, str] | None
    is_withheld: bool
    present: tuple[str, ...]
    absent: tuple[str, ...]
    uncertain: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, and what risk is left; numbers of patients but where a name says otherwise.

    `ages` says how exactly the ages are stated, from the most exact on: 5 years, 10 years, child/adult/old, not at all,
    and neither age nor sex. `rare_diseases` and `rare_findings` are those that fewer than `k` have. `n_unique`: they
    have a combination of present findings that nobody else in the export has. `n_uniform_groups`: groups of the same
    age and sex who all have one disease, so that whoever is known to be in the group is known to have it.
    """

    k: int
    n_patients: int
    n_cases: int
    n_left_out: int
    smallest_group: int
    ages: tuple[int, ...]
    rare_diseases: tuple[tuple[str, str, int], ...]
    n_rare_findings: int
    n_unique: int
    n_uniform_groups: int


@dataclass(frozen=True, slots=True)
class Deidentified:
    """The cases that may leave, in an order that says nothing; whose they are, which does not leave; the report."""

    cases: list[ReleasedCase]
    patient_ids: frozenset[UUID]
    report: Report


def deidentify(
    subjects: Sequence[Subject], *, k: int, withholds: bool, parents: Mapping[str, Iterable[str]]
) -> Deidentified:
    """Take from the cases what tells whom they are about.

    Each patient shares sex and the ages at all his cases, as they are stated, with at least `k` - 1 others, or is left
    out. With `withholds`, diseases that fewer than `k` have are not named; present findings that fewer than `k` have
    are replaced by more general ones (`parents`: of each term those above it), other findings of so few are left out.
    """
    shown, ages = _generalise(subjects, k)
    kept = [subject for subject in subjects if subject.id in shown]
    diseases = _holders(
        (subject.id, {e.disease for e in subject.encounters if e.disease}) for subject in kept
    )
    rare = {disease: len(who) for disease, who in diseases.items() if len(who) < k}
    findings = _holders(
        (subject.id, {*e.present, *e.absent, *e.uncertain}) for subject in kept for e in subject.encounters
    )
    present = _more_general(kept, k, parents) if withholds else _as_recorded(kept, "present")
    absent, uncertain = (
        _of_many(kept, name, k) if withholds else _as_recorded(kept, name) for name in ("absent", "uncertain")
    )
    released = []
    for subject in kept:
        sex, bands = shown[subject.id]
        patient, shift = secrets.token_hex(8), timedelta(days=1 + secrets.randbelow(MOST_DAYS_SHIFTED))
        for number, (encounter, band) in enumerate(zip(subject.encounters, bands, strict=True)):
            is_withheld = withholds and encounter.disease in rare
            released.append(
                ReleasedCase(
                    patient=patient,
                    case=secrets.token_hex(8),
                    sex=sex,
                    band=band,
                    entered=encounter.entered - shift,
                    confirmed=encounter.confirmed - shift if encounter.confirmed else None,
                    disease=None if is_withheld else encounter.disease,
                    is_withheld=is_withheld,
                    present=tuple(sorted(present[subject.id, number])),
                    absent=tuple(sorted(absent[subject.id, number])),
                    uncertain=tuple(sorted(uncertain[subject.id, number])),
                )
            )
    released.sort(key=lambda case: (case.patient, case.entered))
    groups = _groups(released)
    report = Report(
        k=k,
        n_patients=len(kept),
        n_cases=len(released),
        n_left_out=len(subjects) - len(kept),
        smallest_group=smallest_group(released),
        ages=ages,
        rare_diseases=tuple(sorted((*disease, n) for disease, n in rare.items())),
        n_rare_findings=sum(len(who) < k for who in findings.values()),
        n_unique=_count_unique(released),
        n_uniform_groups=sum(_is_uniform(cases) for cases in groups.values()),
    )
    return Deidentified(released, frozenset(shown), report)


def smallest_group(cases: Iterable[ReleasedCase]) -> int:
    """Patients in the smallest group of those who look alike by sex and ages: the k of what is there. 0 of nothing."""
    groups = _groups(cases).values()
    return min((len({case.patient for case in group}) for group in groups), default=0)


def _groups(cases: Iterable[ReleasedCase]) -> dict[Hashable, list[ReleasedCase]]:
    """Cases by what somebody may know of a patient otherwise: sex, and the ages at all cases."""
    of_patient: dict[str, list[ReleasedCase]] = defaultdict(list)
    for case in cases:
        of_patient[case.patient].append(case)
    groups: dict[Hashable, list[ReleasedCase]] = defaultdict(list)
    for own in of_patient.values():
        groups[own[0].sex, tuple(sorted(str(case.band) for case in own))] += own
    return groups


def _is_uniform(cases: Sequence[ReleasedCase]) -> bool:
    diseases = {case.disease for case in cases}
    return len(diseases) == 1 and diseases != {None}


def _count_unique(cases: Iterable[ReleasedCase]) -> int:
    of_patient: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        of_patient[case.patient].update(case.present)
    return sum(n == 1 for n in Counter(frozenset(found) for found in of_patient.values()).values())


def _in_five_years(age: int | None) -> Band | None:
    if age is None or age >= _OLDEST:
        return None if age is None else (_OLDEST, None)
    # The first year of life is a band of its own: so much of medicine differs in it.
    return (0, 0) if age == 0 else (max(age // 5 * 5, 1), age // 5 * 5 + 4)


def _in_ten_years(age: int | None) -> Band | None:
    if age is None or age >= _OLDEST:
        return None if age is None else (_OLDEST, None)
    return age // 10 * 10, age // 10 * 10 + 9


def _broadly(age: int | None) -> Band | None:
    bands: tuple[Band, ...] = ((0, 17), (18, 64), (65, None))
    return None if age is None else next(band for band in bands if band[1] is None or age <= band[1])


def _not_at_all(_age: int | None) -> Band | None:
    return None


# How exactly ages are stated, and whether the sex is, from the most exact on.
_LADDER: tuple[tuple[Callable[[int | None], Band | None], bool], ...] = (
    (_in_five_years, True),
    (_in_ten_years, True),
    (_broadly, True),
    (_not_at_all, True),
    (_not_at_all, False),
)
Shown = tuple[str, tuple[Band | None, ...]]


def _generalise(subjects: Iterable[Subject], k: int) -> tuple[dict[UUID, Shown], tuple[int, ...]]:
    """Sex and age bands of each patient who can be shown, on the first rung where `k` look alike; how many on each.

    Groups are counted over all rungs, for what stands in the export is the same: an age not known, and one not stated.
    """
    shown: dict[UUID, Shown] = {}
    steps = []
    left = list(subjects)
    for state, with_sex in _LADDER:
        looks = {
            subject.id: (
                subject.sex if with_sex else UNKNOWN_SEX,
                tuple(state(encounter.age) for encounter in subject.encounters),
            )
            for subject in left
        }
        sizes = Counter(looks.values()) + Counter(shown.values())
        found = {identity: look for identity, look in looks.items() if sizes[look] >= k}
        shown |= found
        left = [subject for subject in left if subject.id not in found]
        steps.append(len(found))
    return shown, tuple(steps)


def _holders(found: Iterable[tuple[UUID, Iterable[T]]]) -> dict[T, set[UUID]]:
    holders: dict[T, set[UUID]] = defaultdict(set)
    for identity, things in found:
        for thing in things:
            holders[thing].add(identity)
    return holders


Findings = dict[tuple[UUID, int], set[str]]


def _as_recorded(subjects: Iterable[Subject], state: str) -> Findings:
    """Findings in that state by patient and number of his case."""
    return {
        (subject.id, number): set(getattr(encounter, state))
        for subject in subjects
        for number, encounter in enumerate(subject.encounters)
    }


def _of_many(subjects: Sequence[Subject], state: str, k: int) -> Findings:
    """Without those that fewer than `k` patients have. None is replaced: who lacks a finding may have what is above."""
    found = _as_recorded(subjects, state)
    rare = _rare(found, k)
    return {key: terms - rare for key, terms in found.items()}


def _more_general(subjects: Sequence[Subject], k: int, parents: Mapping[str, Iterable[str]]) -> Findings:
    """Present findings, those of fewer than `k` patients replaced by what is above, until there are none."""
    found = _as_recorded(subjects, "present")
    while rare := _rare(found, k):
        for terms in found.values():
            gone = terms & rare
            terms -= gone
            terms |= {above for term in gone for above in parents.get(term, ())} - _TOPS
    return found


def _rare(found: Findings, k: int) -> set[str]:
    holders = _holders((identity, terms) for (identity, _number), terms in found.items())
    return {term for term, who in holders.items() if len(who) < k}
