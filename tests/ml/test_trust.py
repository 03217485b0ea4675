"""What to ask next, whether the findings are enough, two diseases at once, and the cases that a patient resembles."""

import time
from pathlib import Path

import pytest

from ml.serving import InvalidInput, Predictor, Query
from tests.ml.test_serving import MARFAN, TEXTBOOK

NEUROFIBROMATOSIS = TEXTBOOK["OMIM:162200"]
ROOT = "HP:0000118"


def closure(predictor: Predictor, findings: tuple[str, ...]) -> set[str]:
    graph = predictor.vocabulary.graph
    return {graph.ids[a] for f in findings for a in graph.closure(graph.index[f])}


# --- asking ----------------------------------------------------------------------------------------------------------


def test_questions_tell_something_and_stand_in_order(predictor: Predictor) -> None:
    questions = predictor.ask_next(predictor.resolve(present=MARFAN[:3]), limit=8)
    assert len(questions) == 8
    gains = [question.gain_bits for question in questions]
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] > 0
    assert all(0 < question.probability < 1 for question in questions)
    assert all(question.label == predictor.vocabulary.label(question.finding) for question in questions)


def test_what_separates_marfan_from_homocystinuria_is_asked(predictor: Predictor) -> None:
    # both have ectopia lentis and arachnodactyly; homocysteine tells them apart (Morris et al. 2017, PMID:27778219)
    first = predictor.ask_next(predictor.resolve(present=["HP:0001166", "HP:0001083", "HP:0001519"]))[0]
    assert "homocyst" in first.label.lower()


def test_nothing_known_implied_or_excluded_is_asked(predictor: Predictor) -> None:
    query = predictor.resolve(present=MARFAN[:3])
    first = predictor.ask_next(query, limit=20)
    known = closure(predictor, query.present)
    assert known.isdisjoint(question.finding for question in first)
    denied = first[0].finding
    after = predictor.ask_next(predictor.resolve(present=MARFAN[:3], absent=[denied]), limit=20)
    assert all(denied not in closure(predictor, (question.finding,)) for question in after)
    skipped = predictor.ask_next(query, limit=20, skip=[denied])
    assert denied not in {question.finding for question in skipped}
    assert {question.finding for question in skipped} & {question.finding for question in first}


def test_questions_do_not_repeat_each_other(predictor: Predictor) -> None:
    findings = [q.finding for q in predictor.ask_next(predictor.resolve(present=["HP:0001250"]), limit=20)]
    for finding in findings:
        assert closure(predictor, (finding,)).isdisjoint(set(findings) - {finding})


def test_headings_of_the_ontology_are_not_asked(predictor: Predictor) -> None:
    query = predictor.resolve(present=["HP:0001250"])
    askable = predictor.askable(query)
    assert not any(predictor.vocabulary.label(f).startswith("Abnormality of") for f in askable)
    assert {q.finding for q in predictor.ask_next(query, limit=20)} <= set(askable)


def test_costs_put_a_dear_question_back(predictor: Predictor) -> None:
    query = predictor.resolve(present=MARFAN[:3])
    first = predictor.ask_next(query)[0]
    dear = predictor.ask_next(query, costs={first.finding: 1000.0})
    assert first.finding not in {question.finding for question in dear}
    assert predictor.ask_next(query, costs={}) == predictor.ask_next(query)


def test_asking_is_the_same_twice_and_follows_the_prior(predictor: Predictor) -> None:
    query = predictor.resolve(present=["HP:0001945", "HP:0012735"])
    assert predictor.ask_next(query) == predictor.ask_next(query)
    assert predictor.ask_next(query, prior="literature") != predictor.ask_next(query, prior="prevalence")


@pytest.mark.timed
def test_asking_is_fast(predictor: Predictor) -> None:
    query = predictor.resolve(present=list(predictor.vocabulary.graph.ids[100:2100:40]))
    predictor.ask_next(query)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        predictor.ask_next(query, limit=10)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.1


# --- sufficiency -----------------------------------------------------------------------------------------------------

# findings of organs that no disease joins, each known of few diseases
UNRELATED = [
    "HP:0030015", "HP:0012185", "HP:0009879", "HP:0030834", "HP:0025428", "HP:0031936", "HP:0012531",
    "HP:0100550", "HP:0002900", "HP:0008788", "HP:0007763", "HP:0200039", "HP:0040138", "HP:0011462",
]  # fmt: skip


@pytest.mark.parametrize(
    ("present", "level"),
    [
        ([ROOT], "none"),
        (["HP:0000707", ROOT], "general"),  # abnormality of the nervous system
        (["HP:0001250"], "general"),  # seizure
        (["HP:0001166"], "few"),  # arachnodactyly
        (MARFAN, "sufficient"),
        (NEUROFIBROMATOSIS, "sufficient"),
    ],
)
def test_levels(predictor: Predictor, present: list[str], level: str) -> None:
    found = predictor.sufficiency(predictor.resolve(present=present))
    assert found.level == level
    assert found.detail.endswith(".")


def test_one_finding_is_spoken_of_in_the_singular(predictor: Predictor) -> None:
    details = [
        predictor.sufficiency(predictor.resolve(present=[f])).detail for f in ("HP:0001250", "HP:0001166")
    ]
    assert details == [
        "1 finding fits very many diseases: more specific ones are needed.",
        "1 finding is few: in most patients more is needed to find the disease.",
    ]


def test_findings_that_no_disease_explains_are_outside(predictor: Predictor) -> None:
    present = [f for f in UNRELATED if predictor.vocabulary.is_phenotype(f)]
    assert len(present) >= 12
    found = predictor.sufficiency(predictor.resolve(present=present))
    assert found.level == "outside"
    assert "No disease" in found.detail


def test_a_case_just_begun_gets_an_answer_too(predictor: Predictor) -> None:
    empty = predictor.resolve(present=[], may_be_empty=True)
    assert predictor.sufficiency(empty).level == "none"
    assert predictor.ask_next(empty)
    assert predictor.pairs(empty) == ()
    assert (
        predictor.sufficiency(predictor.resolve(present=[], absent=MARFAN, may_be_empty=True)).level == "none"
    )


def test_contradictions_are_said(predictor: Predictor) -> None:
    with pytest.raises(InvalidInput):
        predictor.resolve(present=MARFAN, absent=MARFAN[:1])
    query = predictor.resolve(present=MARFAN, absent=["HP:0001167"])  # above arachnodactyly
    assert "1 absent finding contradicts" in predictor.sufficiency(query).detail


def test_wanted_kinds_are_main_headings(predictor: Predictor) -> None:
    wanted = predictor.sufficiency(predictor.resolve(present=["HP:0001083"])).wanted
    assert 1 <= len(wanted) <= 3
    graph = predictor.vocabulary.graph
    for kind in wanted:
        assert graph.index[ROOT] in graph.parents[graph.index[kind.term]]
        assert kind.label == predictor.vocabulary.label(kind.term)
        assert kind.kind.lower() in kind.label.lower()


def test_what_is_wanted_tells_the_diseases_of_the_chosen_list_apart(predictor: Predictor) -> None:
    fever = predictor.resolve(present=["HP:0001945"])
    of_prior = {
        prior: predictor.sufficiency(fever, prior).wanted[0].kind for prior in ("literature", "prevalence")
    }
    assert of_prior == {"literature": "metabolism/homeostasis", "prevalence": "respiratory system"}


# --- two diseases ----------------------------------------------------------------------------------------------------


def test_two_diseases_are_recognised_in_one_patient(predictor: Predictor) -> None:
    best = predictor.pairs(predictor.resolve(present=[*MARFAN, *NEUROFIBROMATOSIS]))[0]
    explained = {best.first: best.explained_by_first, best.second: best.explained_by_second}
    assert set(explained) == {"OMIM:154700", "OMIM:162200"}
    assert set(explained["OMIM:154700"]) <= set(MARFAN)
    assert set(explained["OMIM:162200"]) <= set(NEUROFIBROMATOSIS)
    assert best.names == tuple(predictor.candidates[identity] for identity in (best.first, best.second))
    assert best.gain > 0


@pytest.mark.parametrize("disease", TEXTBOOK)
def test_one_disease_is_not_taken_for_two(predictor: Predictor, disease: str) -> None:
    assert predictor.pairs(predictor.resolve(present=TEXTBOOK[disease])) == ()


@pytest.mark.timed
def test_pairs_are_fast(predictor: Predictor) -> None:
    query: Query = predictor.resolve(present=list(predictor.vocabulary.graph.ids[100:2100:100]))
    times = []
    for _ in range(5):
        started = time.perf_counter()
        predictor.pairs(query)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.05


# --- nearest cases ---------------------------------------------------------------------------------------------------


def test_the_nearest_published_cases_are_named(small_model_with_cases: Path) -> None:
    predictor = Predictor.load(small_model_with_cases)
    query = predictor.resolve(present=["HP:0000111", "HP:0000300"])
    nearest = predictor.explain(query, "OMIM:100001").nearest_cases
    assert nearest[0].publications == ("PMID:501",)
    assert nearest[0].similarity == pytest.approx(1.0, abs=1e-6)
    assert set(nearest[0].shared) == {"HP:0000111", "HP:0000300"}
    assert [case.similarity for case in nearest] == sorted((c.similarity for c in nearest), reverse=True)


def test_without_training_cases_none_is_named(predictor: Predictor) -> None:
    assert predictor.explain(predictor.resolve(present=MARFAN), "OMIM:154700").nearest_cases == ()
