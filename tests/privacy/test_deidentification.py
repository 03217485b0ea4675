"""Whatever the patients are: who leaves looks like k others, and what few have is not told."""

import itertools
from collections import Counter, defaultdict
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from apps.privacy.deidentification import (
    MOST_DAYS_SHIFTED,
    Deidentified,
    Encounter,
    Subject,
    deidentify,
    smallest_group,
)
from apps.privacy.research import completed_years
from apps.privacy.research_content import band_words

# A small ontology: F and G are kinds of C and D, which are kinds of A and B.
PARENTS = {"F": ["C", "D"], "G": ["D"], "C": ["A"], "D": ["A", "B"], "A": ["HP:0000118"], "B": ["HP:0000118"]}
TERMS = sorted(PARENTS)
DISEASES = [("OMIM:1", "one"), ("OMIM:2", "two"), ("OMIM:3", "three")]
FIRST = date(2020, 2, 29)
_numbers = itertools.count(1000)

_terms = st.lists(st.sampled_from(TERMS), unique=True, max_size=4).map(tuple)
_encounters = st.builds(
    Encounter,
    age=st.none() | st.integers(0, 110),
    entered=st.dates(FIRST, date(2026, 1, 1)),
    confirmed=st.none() | st.dates(date(2026, 1, 2), date(2026, 12, 31)),
    disease=st.none() | st.sampled_from(DISEASES),
    present=_terms,
    absent=_terms,
    uncertain=_terms,
)
_people = st.lists(
    st.tuples(
        st.sampled_from(["female", "male", "other", "unknown"]),
        st.lists(_encounters, min_size=1, max_size=2).map(tuple),
    ),
    max_size=60,
).map(lambda rows: [Subject(UUID(int=n), sex, cases) for n, (sex, cases) in enumerate(rows)])


def of_patients(made: Deidentified) -> dict[str, list]:
    found = defaultdict(list)
    for case in made.cases:
        found[case.patient].append(case)
    return found


@given(_people, st.integers(2, 12), st.booleans())
def test_each_looks_like_k_and_what_few_have_is_not_told(
    people: list[Subject], k: int, withholds: bool
) -> None:
    made = deidentify(people, k=k, withholds=withholds, parents=PARENTS)
    patients = of_patients(made)
    looks = Counter(
        (cases[0].sex, tuple(sorted(band_words(case.band) for case in cases))) for cases in patients.values()
    )
    assert all(n >= k for n in looks.values())
    assert smallest_group(made.cases) == made.report.smallest_group == min(looks.values(), default=0)
    assert len(patients) == len(made.patient_ids) == made.report.n_patients == sum(made.report.ages)
    assert made.report.n_patients + made.report.n_left_out == len(people)
    if withholds:
        for told in ("present", "absent", "uncertain"):
            holders = Counter(
                t for cases in patients.values() for t in {t for c in cases for t in getattr(c, told)}
            )
            assert all(n >= k for n in holders.values()), told
        named = Counter(d for cases in patients.values() for d in {c.disease for c in cases} - {None})
        assert all(n >= k for n in named.values())
    else:
        assert not any(case.is_withheld for case in made.cases)


@given(_people)
def test_without_withholding_all_findings_are_as_recorded(people: list[Subject]) -> None:
    made = deidentify(people, k=2, withholds=False, parents=PARENTS)
    kept = [case for subject in people if subject.id in made.patient_ids for case in subject.encounters]

    def told(cases: list) -> Counter:
        return Counter((tuple(sorted(c.present)), tuple(sorted(c.absent)), c.disease) for c in cases)

    assert told(made.cases) == told(kept)


def crowd(n: int, **changes: object) -> list[Subject]:
    values = {"age": 20, "entered": FIRST, "confirmed": None, "disease": None, "present": ("A",)}
    case = Encounter(**(values | changes))  # type: ignore[arg-type]
    return [Subject(UUID(int=next(_numbers)), "female", (case,)) for _ in range(n)]


def test_the_dates_of_one_patient_move_together_and_by_nobody_knows_how_much() -> None:
    later = FIRST + timedelta(days=100)
    case = Encounter(20, FIRST, FIRST + timedelta(days=7), DISEASES[0], ("A",))
    people = [
        Subject(UUID(int=n), "female", (case, Encounter(20, later, None, None, ("A",)))) for n in range(50)
    ]
    shifts = Counter()
    for first, second in of_patients(deidentify(people, k=5, withholds=True, parents=PARENTS)).values():
        assert second.entered - first.entered == later - FIRST
        assert first.confirmed - first.entered == timedelta(days=7)
        shifts[(FIRST - first.entered).days] += 1
    assert 1 <= min(shifts) <= max(shifts) <= MOST_DAYS_SHIFTED
    assert len(shifts) > 25


def test_a_rare_finding_is_named_by_what_is_above_it_and_never_if_it_is_absent() -> None:
    people = crowd(11, present=("D",), absent=("B",)) + crowd(2, present=("F",), absent=("F",))
    made = deidentify(people, k=5, withholds=True, parents=PARENTS)
    # Of what is above F, C is as rare, and A, above that, too: nothing of it is left but D.
    assert Counter(case.present for case in made.cases) == {("D",): 13}
    assert Counter(case.absent for case in made.cases) == {("B",): 11, (): 2}


def test_ages_are_stated_as_exactly_as_k_allows() -> None:
    people = crowd(6, age=20) + crowd(3, age=41) + crowd(2, age=47) + crowd(3, age=3) + crowd(1, age=99)
    made = deidentify(people, k=5, withholds=True, parents=PARENTS)
    assert Counter(band_words(case.band) for case in made.cases) == {"20-24": 6, "40-49": 5}
    assert made.report.n_left_out == 4
    together = deidentify(people + crowd(5, age=None), k=5, withholds=True, parents=PARENTS)  # type: ignore[arg-type]
    # Whoever is left looks like those whose age is not known.
    assert Counter(band_words(case.band) for case in together.cases) == {"20-24": 6, "40-49": 5, "": 9}


def test_who_comes_twice_must_look_like_others_who_do() -> None:
    once = crowd(10)
    (twice,) = crowd(1)
    again = Subject(twice.id, "female", twice.encounters * 2)
    assert deidentify([*once, again], k=5, withholds=True, parents=PARENTS).patient_ids == {
        s.id for s in once
    }


def test_completed_years() -> None:
    told: dict[str, int | None] = {
        "": None,
        "P0D": 0,
        "P11M": 0,
        "P12M": 1,
        "P3W": 0,
        "P20Y": 20,
        "P19Y11M30D": 19,
        "P90Y6M": 90,
    }
    assert {age: completed_years(age) for age in told} == told
