"""What the predictor takes as input, and how it refuses the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.serving import InvalidInput, Predictor
from ml.serving.age import InvalidAge, years_of
from tests.ml.test_serving import MARFAN


def issues(predictor: Predictor, **given: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        predictor.resolve(**given)  # type: ignore[arg-type]
    assert all(issue.detail for issue in caught.value.issues)
    return [(issue.field, issue.code) for issue in caught.value.issues]


def test_every_problem_is_named_at_once(predictor: Predictor) -> None:
    found = issues(
        predictor,
        present=["HP:0001166", "HP:9999999", "arachnodactily", "HP:0000006", "HP:0001726", 7],
        absent=["HP:0001166"],
        age="P-3Y",
        sex="f",
    )
    assert found == [
        ("findings.present[1]", "unknown_finding"),
        ("findings.present[2]", "malformed_id"),
        ("findings.present[3]", "not_a_phenotype"),
        ("findings.present[4]", "obsolete_without_replacement"),
        ("findings.present[5]", "malformed_id"),
        ("findings.absent[0]", "contradictory"),
        ("age", "invalid_age"),
        ("sex", "unknown_sex"),
    ]


def test_near_matches_help(predictor: Predictor) -> None:
    with pytest.raises(InvalidInput) as caught:
        predictor.resolve(present=["HP:9001166", "arachnodactily", "HP:0001726"])
    unknown, text, obsolete = caught.value.issues
    assert ("HP:0001166", "Arachnodactyly") in unknown.near
    assert text.near[0] == ("HP:0001166", "Arachnodactyly")
    assert obsolete.near
    for identity, label in unknown.near + text.near + obsolete.near:
        assert predictor.vocabulary.label(identity) == label


@pytest.mark.parametrize("absent", [[], ["HP:0001250"]])
def test_no_present_finding(predictor: Predictor, absent: list[str]) -> None:
    assert issues(predictor, present=[], absent=absent) == [("findings.present", "no_finding")]


def test_too_many_findings(predictor: Predictor) -> None:
    ids = list(predictor.vocabulary.graph.ids)
    assert issues(predictor, present=ids[:300], absent=ids[300:501]) == [("findings", "too_many_findings")]
    assert len(predictor.resolve(present=ids[:300], absent=ids[300:500]).absent) == 200


def test_replaced_ids_and_duplicates_are_put_right_and_said(predictor: Predictor) -> None:
    # HP:0000057 is obsolete and replaced by HP:0008665; HP:0000624 is an alternative id of HP:0000286
    query = predictor.resolve(present=["HP:0000057", "HP:0000624", "HP:0000286", " HP:0001166 "])
    assert query.present == ("HP:0008665", "HP:0000286", "HP:0001166")
    assert [(n.code, n.finding) for n in query.notices] == [
        ("replaced", "HP:0000057"),
        ("replaced", "HP:0000624"),
        ("duplicate", "HP:0000286"),
    ]
    assert "was replaced by HP:0008665 (Clitoral hypertrophy)" in query.notices[0].detail


def test_the_same_finding_under_two_ids_is_contradictory(predictor: Predictor) -> None:
    found = issues(predictor, present=["HP:0000286"], absent=["HP:0000624"])
    assert found == [("findings.absent[0]", "contradictory")]


def test_an_absent_finding_that_a_present_one_implies_does_not_count(predictor: Predictor) -> None:
    # Arachnodactyly is a kind of abnormal finger morphology
    general = "HP:0001167"
    query = predictor.resolve(present=MARFAN, absent=[general])
    assert [(n.code, n.finding) for n in query.notices] == [("inconsistent", general)]
    without = predictor.predict(predictor.resolve(present=MARFAN)).ranking
    assert predictor.predict(query).ranking == without


@pytest.mark.parametrize(
    ("age", "years"),
    [("P20Y", 20), ("P6M", 0.5), ("P1Y6M", 1.5), ("P3W", 21 / 365.25), ("P10D", 10 / 365.25), ("P0D", 0),
     ("p130y", 130), ("P2,5Y", 2.5), ("P1DT12H", 1.5 / 365.25)],
)  # fmt: skip
def test_ages_are_durations(age: str, years: float) -> None:
    assert years_of(age) == pytest.approx(years)


@pytest.mark.parametrize(
    "age",
    [
        "",
        "P",
        "PT",
        "20",
        "20Y",
        "-P3Y",
        "P-3Y",
        "P131Y",
        "P1M1Y",
        "PY",
        "P" + "9" * 500 + "Y",
        20,
        None,
        "P٣Y",
    ],
)
def test_other_ages_are_refused(age: object) -> None:
    with pytest.raises(InvalidAge):
        years_of(age)


@given(st.text(max_size=30))
def test_any_text_as_age_is_read_or_refused(text: str) -> None:
    try:
        years = years_of(text)
    except InvalidAge:
        return
    assert 0 <= years <= 130
