"""The predictor through its own door: ranking and explanation."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.serving import Predictor, UnknownDisease

# Systemic and ocular features of the revised Ghent criteria (Loeys et al. 2010, PMID:20591885).
MARFAN = ["HP:0001166", "HP:0001083", "HP:0002616", "HP:0001519", "HP:0000767"]
TEXTBOOK = {
    "OMIM:154700": MARFAN,
    # Criteria of neurofibromatosis type 1 (Legius et al. 2021, PMID:34012067).
    "OMIM:162200": ["HP:0007565", "HP:0000997", "HP:0009737", "HP:0001067", "HP:0009734"],
    # Presenting features of Wilson disease (Ann Transl Med 2019, PMC6531646).
    "OMIM:277900": ["HP:0200032", "HP:0010837", "HP:0001878", "HP:0001337", "HP:0001394"],
}


@pytest.mark.parametrize("disease", TEXTBOOK)
def test_textbook_findings_give_the_textbook_disease(predictor: Predictor, disease: str) -> None:
    ranking = predictor.predict(predictor.resolve(present=TEXTBOOK[disease])).ranking
    assert ranking[0].id == disease
    assert ranking[0].name == predictor.candidates[disease]
    assert [row.rank for row in ranking] == list(range(1, 101))
    probabilities = [row.probability for row in ranking]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1 + 1e-9


def test_the_prediction_is_as_long_as_asked(predictor: Predictor) -> None:
    query = predictor.resolve(present=MARFAN)
    assert len(predictor.predict(query, top=3).ranking) == 3
    assert [row.id for row in predictor.predict(query, top=3).ranking] == [
        row.id for row in predictor.predict(query).ranking[:3]
    ]


def test_rarity_is_marked_where_known_only(predictor: Predictor) -> None:
    marks = {row.rarity for row in predictor.predict(predictor.resolve(present=MARFAN)).ranking}
    assert marks == {"rare", None}


# --- properties -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_findings_give_probabilities_and_explanations_that_add_up(
    predictor: Predictor, data: st.DataObject
) -> None:
    ids = predictor.vocabulary.graph.ids
    chosen = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=40, unique=True))
    split = data.draw(st.integers(1, len(chosen)))
    age = data.draw(st.sampled_from([None, "P0D", "P3M", "P4Y", "P33Y", "P90Y"]))
    query = predictor.resolve(present=chosen[:split], absent=chosen[split:], age=age, sex="other")
    prediction = predictor.predict(query)
    scores = [row.score for row in prediction.ranking]
    assert all(np.isfinite(scores))
    assert scores == sorted(scores, reverse=True)
    probability, none = predictor.run(query, "probability", "none_of_these")
    assert probability.sum() + none[0] == pytest.approx(1.0)
    row = prediction.ranking[data.draw(st.integers(0, 99))]
    explanation = predictor.explain(query, row.id)
    assert explanation.score == row.score
    total = explanation.base + sum(c.weight for c in explanation.contributions)
    assert total == pytest.approx(row.score, abs=1e-6)
    # the base is what a disease has without findings, so other findings do not move it
    other = predictor.explain(predictor.resolve(present=[ids[0]], age=age), row.id)
    assert explanation.base == pytest.approx(other.base, abs=1e-6)
    assert len(explanation.contributions) == len(query.present) + len(query.absent)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_findings_does_not_matter(predictor: Predictor, data: st.DataObject) -> None:
    chosen = data.draw(
        st.lists(st.sampled_from(predictor.vocabulary.graph.ids), min_size=2, max_size=12, unique=True)
    )
    shuffled = data.draw(st.permutations(chosen))
    first = predictor.predict(predictor.resolve(present=chosen)).ranking
    assert predictor.predict(predictor.resolve(present=shuffled)).ranking == first


def test_an_implied_general_finding_changes_nothing(predictor: Predictor) -> None:
    query = predictor.resolve(present=[*MARFAN, "HP:0001238"])  # slender finger, above arachnodactyly
    assert predictor.predict(query).ranking == predictor.predict(predictor.resolve(present=MARFAN)).ranking


@pytest.mark.parametrize("finding", MARFAN)
def test_a_typical_finding_raises_its_disease(predictor: Predictor, finding: str) -> None:
    rest = [other for other in MARFAN if other != finding]

    def probability(present: list[str]) -> float:
        query = predictor.resolve(present=present)
        (all_probabilities,) = predictor.run(query, "score")
        best_other = np.sort(all_probabilities)[-50]
        return float(all_probabilities[predictor.disease_ids.index("OMIM:154700")] - best_other)

    assert probability(MARFAN) > probability(rest)


def test_the_absence_of_what_a_disease_always_has_lowers_it(predictor: Predictor) -> None:
    disease, always = "OMIM:219700", "HP:0012236"  # cystic fibrosis and elevated sweat chloride
    query = predictor.resolve(present=["HP:0001083"])
    without = predictor.explain(query, disease)
    assert always in {e.finding for e in without.expected_not_asked if e.probability > 0.85}
    lowered = predictor.explain(predictor.resolve(present=["HP:0001083"], absent=[always]), disease)
    assert lowered.score < without.score
    (item,) = (c for c in lowered.contributions if c.state == "absent")
    assert item.weight < 0
    assert item.finding == item.matched == always


def test_age_matters(predictor: Predictor) -> None:
    newborn = predictor.resolve(present=MARFAN, age="P5D")
    adult = predictor.resolve(present=MARFAN, age="P45Y")
    assert predictor.run(newborn, "score")[0].tolist() != predictor.run(adult, "score")[0].tolist()


def test_sex_matters_where_a_disease_is_of_one_sex_only(predictor: Predictor) -> None:
    scores = {
        sex: predictor.run(predictor.resolve(present=["HP:0000016"], sex=sex), "score")[0]
        for sex in (None, "female", "male", "OTHER", "unknown")
    }
    prostate = predictor.numbers["OMIM:600082"]
    assert scores["female"][prostate] < scores["male"][prostate] == scores[None][prostate]
    leiomyoma = predictor.numbers["OMIM:150699"]
    assert scores["male"][leiomyoma] < scores["female"][leiomyoma] == scores["OTHER"][leiomyoma]
    marfan = predictor.numbers["OMIM:154700"]
    assert len({float(score[marfan]) for score in scores.values()}) == 1


# --- explanation ------------------------------------------------------------------------------------------------------


def test_an_explanation_cites_what_was_published(predictor: Predictor) -> None:
    # a finding of the disease itself, one that it has only more generally, one that is absent
    query = predictor.resolve(present=["HP:0001083", "HP:0034003", "HP:0001250"], absent=["HP:0000098"])
    explanation = predictor.explain(query, "OMIM:154700")
    by_finding = {c.finding: c for c in explanation.contributions}
    lens = by_finding["HP:0001083"]
    assert lens.matched == lens.annotated == "HP:0001083"
    assert lens.matched_label == "Ectopia lentis"
    # what patients of publications had, and what Orphanet says of the disorder of this name
    assert lens.frequency == "119/251; Frequent (30-79 %)"
    assert {"PMID:33436942", "ORPHA:558"} <= set(lens.references)
    assert lens.weight > 0
    inexact = [c for c in explanation.contributions if c.matched not in (None, c.finding)]
    for item in inexact:
        graph = predictor.vocabulary.graph
        assert graph.index[item.matched or ""] in graph.closure(graph.index[item.finding])
    for item in explanation.expected_not_asked:
        assert item.finding not in query.present + query.absent
        assert 1 / 3 <= item.probability <= 1
    assert 0 < len(explanation.expected_not_asked) <= 10


def test_an_inexact_match_names_the_general_term(small_model: Path) -> None:
    predictor = Predictor.load(small_model)
    explanation = predictor.explain(predictor.resolve(present=["HP:0000112"]), "OMIM:100001")
    (item,) = explanation.contributions
    assert (item.matched, item.annotated, item.frequency) == ("HP:0000110", "HP:0000111", "8/10")
    assert item.references == ("PMID:11", "PMID:12")
    (nothing,) = predictor.explain(predictor.resolve(present=["HP:0000300"]), "OMIM:100001").contributions
    assert (nothing.matched, nothing.frequency, nothing.references) == (None, None, ())


def test_what_a_class_of_frequency_means_is_spelt_out(small_model: Path) -> None:
    predictor = Predictor.load(small_model)
    (item,) = predictor.explain(predictor.resolve(present=["HP:0000112"]), "OMIM:100002").contributions
    assert item.frequency == "Very frequent (80-99 %)"


def test_the_nearest_case_is_part_of_the_explanation(small_model: Path, small_model_with_cases: Path) -> None:
    predictor = Predictor.load(small_model_with_cases)
    query = predictor.resolve(present=["HP:0000220", "HP:0000210", "HP:0000300"])
    explanation = predictor.explain(query, "OMIM:100003")
    assert explanation.base + sum(c.weight for c in explanation.contributions) == pytest.approx(
        explanation.score
    )
    alone = predictor.explain(predictor.resolve(present=["HP:0000300"]), "OMIM:100003")
    assert explanation.base == pytest.approx(alone.base)
    assert predictor.manifest.n_cases == 4  # one of a disease that nothing else describes
    assert Predictor.load(small_model).manifest.n_cases == 0


def test_an_unknown_disease_cannot_be_explained(predictor: Predictor) -> None:
    with pytest.raises(UnknownDisease, match="OMIM:1 is no candidate"):
        predictor.explain(predictor.resolve(present=MARFAN), "OMIM:1")
