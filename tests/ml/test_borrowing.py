"""Diseases borrow from their own names, from series of names, and from diseases of the same gene."""

import json
from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.run import benchmark
from ml.features.evidence import ALLELIC, EXACT, INEXACT, NAMED, AnnotationTable
from ml.features.withhold import withhold, withhold_one_each
from ml.knowledge.build import build_knowledge
from ml.serving import Predictor
from ml.serving.vocabulary import Vocabulary
from ml.training.profiles import Evidence, ProfileEstimator
from tests.ml.packets import packet
from tests.ml.release import hpoa, write_release

ONE, TWO, LENS, OTHER = range(4)
ROWS = [
    ("OMIM:1", "Marble disease 1", "", "HP:0000111", "PMID:1", "4/4", "P"),
    ("OMIM:2", "Marble disease 2", "", "HP:0000300", "PMID:2", "4/4", "P"),
    ("OMIM:3", "Ectopia lentis with short stature", "", "HP:0000110", "PMID:3", "4/4", "P"),
    ("OMIM:4", "Other syndrome", "", "HP:0000210", "PMID:4", "4/4", "P"),
    ("ORPHA:5", "Other  Syndrome", "", "HP:0000210", "ORPHA:5", "HP:0040281", "P"),
    ("ORPHA:6", "Marble disease", "", "HP:0000210", "ORPHA:6", "HP:0040282", "P"),
    ("ORPHA:7", "Unlike any", "", "HP:0000210", "ORPHA:7", "HP:0040280", "P"),
]
GENES = [
    ("10", "LENS1", "OMIM:3"),
    ("10", "LENS1", "OMIM:4"),
    ("11", "ALONE", "OMIM:1"),
    ("10", "LENS1", "ORPHA:7"),
]


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("borrowing")
    release = write_release(folder / "release")
    (release / "phenotype.hpoa").write_text(hpoa(ROWS))
    header = "ncbi_gene_id\tgene_symbol\thpo_id\thpo_name\tfrequency\tdisease_id\n"
    lines = (f"{number}\t{symbol}\tHP:0000118\tx\t-\t{disease}\n" for number, symbol, disease in GENES)
    (release / "genes_to_phenotype.txt").write_text(header + "".join(lines))
    build_knowledge(folder / "out", str(release))
    return folder / "out"


def test_names_become_rows_and_groups(table: AnnotationTable) -> None:
    columns = table.columns
    named = {
        (int(columns["disease"][row]), table.terms[columns["term"][row]], *table.references_of([row]))
        for row in np.flatnonzero(columns["origin"] == NAMED)
    }
    assert named == {(LENS, "HP:0000220", "OMIM:3"), (LENS, "HP:0000300", "OMIM:3")}
    assert [(group.reference, group.diseases) for group in table.siblings] == [
        ("ORPHA:6", (ONE, TWO)),
        ("series: marble disease", (ONE, TWO)),
        ("gene: LENS1", (LENS, OTHER)),
    ]


def test_orphanets_rows_in_hpo_are_matched_by_name_and_gene(table: AnnotationTable) -> None:
    """Where Orphanet's own records, with their references, are not loaded."""
    columns = table.columns
    borrowed = {
        (int(columns["disease"][row]), table.terms[columns["term"][row]], int(columns["origin"][row]))
        for row in np.flatnonzero(~table.own & (columns["origin"] != NAMED))
    }
    assert borrowed == {
        (OTHER, "HP:0000210", EXACT),  # ORPHA:5, the same name
        (ONE, "HP:0000210", INEXACT),  # ORPHA:6, the name of the series
        (TWO, "HP:0000210", INEXACT),
        (LENS, "HP:0000210", ALLELIC),  # ORPHA:7, the same gene, and no name that fits
    }


def test_what_is_borrowed_is_discounted(vocabulary: Vocabulary, table: AnnotationTable) -> None:
    estimator = ProfileEstimator(named_share=0.8, series_share=0.3, gene_share=0.1, sibling_share=0.0)
    profiles = estimator.fit(Evidence(vocabulary.graph, table)).profiles_
    g = vocabulary.graph.index

    def frequency(term: str, disease: int) -> float:
        return float(profiles.frequency[g[term], disease])

    own = 4.02 / 5
    assert frequency("HP:0000111", ONE) == pytest.approx(own)
    assert frequency("HP:0000300", ONE) == pytest.approx(0.3 * 5 / 6 * own)  # of the series
    assert frequency("HP:0000220", LENS) == pytest.approx(0.8 * 0.6)  # a name says no frequency: 1.8 of 3
    assert frequency("HP:0000110", OTHER) == pytest.approx(0.1 * 5 / 6 * own)  # of the gene
    assert frequency("HP:0000220", OTHER) == 0  # a name is not lent on
    assert profiles.n_references.tolist() == [1, 1, 1, 1]
    assert profiles.expected_findings[LENS] == pytest.approx(own)


def test_a_name_outlives_its_publication_and_a_lender_does_not(
    vocabulary: Vocabulary, table: AnnotationTable
) -> None:
    graph, g = vocabulary.graph, vocabulary.graph.index
    kept = ProfileEstimator().fit(Evidence(graph, withhold(table, {"PMID:3"}))).profiles_.frequency
    assert kept[g["HP:0000220"], LENS] > 0
    assert kept[g["HP:0000110"], LENS] == 0
    assert kept[g["HP:0000110"], OTHER] == 0
    fair = withhold_one_each(table, np.random.default_rng(3))
    assert (fair.columns["origin"] == NAMED).sum() == 2


def test_an_explanation_says_from_the_name(model: Path) -> None:
    predictor = Predictor.load(model)
    query = predictor.resolve(present=["HP:0000220", "HP:0000111"])
    explained = predictor.explain(query, "OMIM:3")
    (lens,) = [c for c in explained.contributions if c.finding == "HP:0000220"]
    assert (lens.frequency, lens.references) == ("from the name", ("OMIM:3",))
    assert lens.weight > 0
    total = sum(c.weight for c in explained.contributions) + explained.base
    assert total == pytest.approx(explained.score, abs=1e-6)
    (heart,) = [c for c in predictor.explain(query, "OMIM:2").contributions if c.finding == "HP:0000111"]
    assert (heart.frequency, heart.references) == ("mean of related diseases", ("ORPHA:6",))


def test_a_bundle_keeps_what_the_benchmark_needs(model: Path, tmp_path: Path, table: AnnotationTable) -> None:
    assert Predictor.load(model).annotations.siblings == table.siblings
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(packet("c", "OMIM:3", ["HP:0000220"], publication="PMID:3")))
    report = benchmark(model, [path], "leave-publication-out")
    assert (report["top1"], report["n_emptied"]) == (1, 0)
