"""The estimators against figures computed by hand from the small release."""

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from ml.features.evidence import AnnotationTable
from ml.features.findings import scored_findings
from ml.features.graph import TermGraph
from ml.features.withhold import withhold, withhold_one_each
from ml.serving.vocabulary import Vocabulary
from ml.training.data import load_cases
from ml.training.offset import DiseaseOffset
from ml.training.parameters import new_ranker, read_parameters
from ml.training.profiles import Evidence, ProfileEstimator
from ml.training.ranker import PhenotypeRanker
from tests.ml.packets import numbers_of

EPSILON, ALPHA, BETA, GAMMA, DELTA = range(5)  # DECIPHER:9 sorts first


@pytest.fixture(scope="module")
def ranker(vocabulary: Vocabulary, table: AnnotationTable) -> PhenotypeRanker:
    return new_ranker(read_parameters()).fit(Evidence(vocabulary.graph, table))


def test_candidates_are_described_diseases_of_omim_and_decipher(table: AnnotationTable) -> None:
    assert table.diseases == ("DECIPHER:9", "OMIM:100001", "OMIM:100002", "OMIM:100003", "OMIM:100004")


def test_frequencies_are_smoothed_and_propagated(vocabulary: Vocabulary, table: AnnotationTable) -> None:
    profiles = ProfileEstimator().fit(Evidence(vocabulary.graph, table)).profiles_
    g = vocabulary.graph.index

    def frequency(term: str, disease: int) -> float:
        return float(profiles.frequency[g[term], disease])

    assert frequency("HP:0000111", ALPHA) == pytest.approx((8 + 0.02) / (10 + 1))
    assert frequency("HP:0000210", ALPHA) == pytest.approx((1 + 0.02) / (4 + 1))
    for general in ("HP:0000110", "HP:0000100", "HP:0000118"):
        assert frequency(general, ALPHA) == pytest.approx((8 + 0.02) / (10 + 1))
    assert frequency("HP:0000112", BETA) == pytest.approx((9 + 0.02) / (10 + 1))  # very frequent: 90 % of 10
    assert frequency("HP:0000300", BETA) == pytest.approx((1.8 + 0.02) / (3 + 1))  # no frequency given
    assert frequency("HP:0000210", BETA) == 0  # marked NOT
    assert frequency("HP:0000220", GAMMA) == pytest.approx((20 + 0.02) / (20 + 1))
    assert frequency("HP:0000210", DELTA) == pytest.approx((5 + 0.02) / (10 + 1))  # 50 %, by its replaced id
    assert profiles.n_references.tolist() == [1, 2, 2, 1, 1]


def test_the_score_is_the_documented_sum(ranker: PhenotypeRanker, vocabulary: Vocabulary) -> None:
    g = vocabulary.graph.index
    alpha, beta = (8.02 / 11), (9.02 / 11)
    septal_background = (alpha + beta) / 5
    # Atrial septal defect in Alpha: known for the parent, one step away
    given = read_parameters()["likelihood"]
    sixteenths = round(16 * math.log(alpha / septal_background)) - round(-16 * math.log(given["share"]))
    expected = math.log(given["floor"] + (1 - given["floor"]) * math.exp(sixteenths / 16))
    assert ranker.likelihood_.scorer().present(g["HP:0000112"])[ALPHA] == pytest.approx(expected)
    # absent in a disease that nearly always has it, and in one that does not
    absent = ranker.likelihood_.scorer().absent(g["HP:0000220"])
    lens = 20.02 / 21
    assert absent[GAMMA] == pytest.approx(
        given["absent_weight"] * (math.log(1 - lens) - math.log(1 - lens / 5))
    )
    assert absent[ALPHA] == 0


def test_age_speaks_against_diseases_that_begin_later(
    table: AnnotationTable, ranker: PhenotypeRanker
) -> None:
    by_age = ranker.offset_.age_
    assert not by_age[0].any()  # unknown
    infant = DiseaseOffset.interval(0.5)
    old = DiseaseOffset.interval(80.0)
    assert by_age[infant, ALPHA] > 0 > by_age[infant, GAMMA]
    assert by_age[infant, BETA] == 0  # nothing known of its onset
    assert by_age[old] == pytest.approx(np.zeros(5))


def test_cases_enter_the_same_posterior(
    vocabulary: Vocabulary, table: AnnotationTable, small_cases: Path
) -> None:
    loaded = load_cases([small_cases], vocabulary, numbers_of(table))
    cases = loaded.table.take([0, 1, 2])
    profiles = ProfileEstimator().fit(Evidence(vocabulary.graph, table, cases)).profiles_
    g = vocabulary.graph.index
    known = 8.02 / 11
    # a1 has it, a2 does not mention it
    assert profiles.frequency[g["HP:0000111"], ALPHA] == pytest.approx((4 * known + 1) / (4 + 1 + 0.3))
    # a1 excludes every eye anomaly, a2 does not mention any
    assert profiles.frequency[g["HP:0000210"], ALPHA] == pytest.approx((4 * 1.02 / 5) / (4 + 1 + 0.3))
    # both imply a septal defect
    assert profiles.frequency[g["HP:0000110"], ALPHA] == pytest.approx((4 * known + 2) / (4 + 2))
    assert profiles.n_case_publications.tolist() == [0, 2, 0, 1, 0]


def test_the_nearest_case_is_a_cosine(
    vocabulary: Vocabulary, table: AnnotationTable, small_cases: Path
) -> None:
    cases = load_cases([small_cases], vocabulary, numbers_of(table)).table.take([0, 1, 2])
    ranker = new_ranker(read_parameters()).fit(Evidence(vocabulary.graph, table, cases))
    assert ranker.nearest_ is not None
    given = read_parameters()["nearest"]
    most = given["weight"] * (1 - given["threshold"])
    score = ranker.nearest_.score(cases.present[2])
    assert score[GAMMA] == pytest.approx(most)  # the very case
    assert score[BETA] == 0  # no case
    assert 0 <= score[ALPHA] < most
    assert ranker.nearest_.score(cases.present[2], np.array([True, True, False]))[GAMMA] == 0


def test_implied_findings_do_not_count(vocabulary: Vocabulary) -> None:
    graph: TermGraph = vocabulary.graph
    g = graph.index
    present, absent = scored_findings(
        graph,
        [g["HP:0000100"], g["HP:0000111"]],
        [g["HP:0000110"], g["HP:0000200"], g["HP:0000210"]],
    )
    assert present == (g["HP:0000111"],)
    assert absent == (
        g["HP:0000200"],
    )  # the septal defect is implied by what is present, the cataract excluded


def test_withholding_a_publication(table: AnnotationTable) -> None:
    ventricular = table.terms.index("HP:0000111")
    share = withhold(table, {"PMID:11"})
    rows = {(int(d), share.terms[t]): i for i, (d, t) in enumerate(zip(*_keys(share), strict=True))}
    assert (ALPHA, "HP:0000210") not in rows  # cited nothing else
    row = rows[ALPHA, "HP:0000111"]
    assert share.columns["share"][row] == pytest.approx(0.5)
    assert share.references_of([row]) == {"PMID:12"}

    counted = withhold(table, {"PMID:11"}, {("PMID:11", ALPHA, ventricular): (3, 4)})
    row = next(
        i for i, (d, t) in enumerate(zip(*_keys(counted), strict=True)) if (d, t) == (ALPHA, ventricular)
    )
    assert (counted.columns["numerator"][row], counted.columns["denominator"][row]) == (5, 6)

    gone = withhold(table, {"PMID:11"}, {("PMID:11", ALPHA, ventricular): (8, 10)})
    assert not len(gone.rows_of(ALPHA))
    assert not len(withhold(table, {"PMID:11"}, strict=True).rows_of(ALPHA))
    assert len(withhold(table, {"PMID:nothing"})) == len(table)
    assert "PMID:11" in table.references_of(range(len(table)))  # the original is untouched


def test_one_random_reference_each(table: AnnotationTable) -> None:
    fair = withhold_one_each(table, np.random.default_rng(1))
    for disease in range(len(table.diseases)):
        before = table.references_of(table.rows_of(disease))
        assert len(fair.references_of(fair.rows_of(disease))) == len(before) - 1


def test_estimators_can_be_cloned_and_say_their_parameters(ranker: PhenotypeRanker) -> None:
    fresh = clone(ranker)
    assert not hasattr(fresh, "classes_")
    assert fresh.get_params()["likelihood__share"] == read_parameters()["likelihood"]["share"]


def _keys(table: AnnotationTable) -> tuple[np.ndarray, np.ndarray]:
    return table.columns["disease"], table.columns["term"]
