"""Diseases borrow from Orphanet: how much, from whom, with which reference, and never from what is withheld."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.evaluation.protocols import LeavePublicationOut
from ml.evaluation.run import benchmark
from ml.features.evidence import EXACT, INEXACT, OWN, AnnotationTable
from ml.features.withhold import withhold, withhold_one_each
from ml.knowledge.build import OptionalSources, build_knowledge
from ml.serving import Predictor
from ml.serving.vocabulary import Vocabulary
from ml.training.data import load_cases
from ml.training.parameters import new_ranker, read_parameters
from ml.training.profiles import Evidence, ProfileEstimator
from tests.ml.packets import numbers_of, packet
from tests.ml.release import orphapacket, write_release, write_sssom

EPSILON, ALPHA, BETA, GAMMA, DELTA = range(5)  # DECIPHER:9 sorts first


def _disorder(code: str, phenotypes: dict[str, str], references: dict[str, str]) -> dict[str, Any]:
    return orphapacket(code, f"Disorder {code}") | {
        "Phenotypes": [
            {"Phenotype": {"HPOId": term, "HPOTerm": "x", "HPOFrequency": f"{frequency} (x)"}}
            for term, frequency in phenotypes.items()
        ],
        "ExternalReferences": [
            {"Source": "OMIM", "Reference": number, "DisorderMappingRelation": f"{code} (x)"}
            for number, code in references.items()
        ],
    }


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("orphanet")
    records = [
        _disorder("70", {"HP:0000220": "Very frequent", "HP:0000300": "Excluded"}, {"100001": "E"}),
        _disorder("80", {"HP:0000300": "Frequent"}, {"100003": "BTNT", "100004": "BTNT"}),
        _disorder("90", {"HP:0000112": "Obligate"}, {}),
    ]
    packets = folder / "orphapackets.jsonl"
    packets.write_text("".join(json.dumps(record) + "\n" for record in records))
    sssom = write_sssom(
        folder / "mondo.tsv",
        [
            ("MONDO:5", "skos:exactMatch", "Orphanet:90"),
            ("MONDO:5", "skos:exactMatch", "OMIM:100002"),
            ("MONDO:6", "skos:exactMatch", "Orphanet:80"),  # Orphanet itself says broader
            ("MONDO:6", "skos:exactMatch", "OMIM:100003"),
            ("MONDO:7", "skos:broadMatch", "Orphanet:70"),
            ("MONDO:7", "skos:exactMatch", "OMIM:100002"),
        ],
    )
    release = str(write_release(folder / "release"))
    build_knowledge(folder / "out", release, optional=OptionalSources(packets, [sssom]))
    return folder / "out"


def test_matched_phenotypes_become_rows_with_their_reference(table: AnnotationTable) -> None:
    columns = table.columns
    borrowed = {
        (int(columns["disease"][row]), table.terms[columns["term"][row]], int(columns["origin"][row])):
        table.references_of([row])
        for row in np.flatnonzero(~table.own)
    }  # fmt: skip
    assert borrowed == {
        (ALPHA, "HP:0000220", EXACT): {"ORPHA:70"},
        (BETA, "HP:0000112", EXACT): {"ORPHA:90"},
        (GAMMA, "HP:0000300", INEXACT): {"ORPHA:80"},
        (DELTA, "HP:0000300", INEXACT): {"ORPHA:80"},
    }
    assert [(group.reference, group.diseases) for group in table.siblings] == [
        ("ORPHA:80", (GAMMA, DELTA)),
        ("gene: ABC1", (ALPHA, BETA)),  # of ORPHA:70 and ORPHA:90
    ]


def test_the_largest_of_own_and_discounted_frequencies_counts(
    vocabulary: Vocabulary, table: AnnotationTable
) -> None:
    profiles = ProfileEstimator().fit(Evidence(vocabulary.graph, table)).profiles_
    g = vocabulary.graph.index

    def frequency(term: str, disease: int) -> float:
        return float(profiles.frequency[g[term], disease])

    assert frequency("HP:0000220", ALPHA) == pytest.approx(0.6 * 0.9)
    assert frequency("HP:0000200", ALPHA) == pytest.approx(0.6 * 0.9)  # and what is more general
    assert frequency("HP:0000112", BETA) == pytest.approx(9.02 / 11)  # its own says more than 0.6
    assert frequency("HP:0000300", GAMMA) == pytest.approx(0.25 * 0.545)
    # one sibling, one own term each: 0.4 * 5 / (5 + 1) of what the other has
    assert frequency("HP:0000210", GAMMA) == pytest.approx(0.4 * 5 / 6 * 5.02 / 11)
    assert frequency("HP:0000220", DELTA) == pytest.approx(0.4 * 5 / 6 * 20.02 / 21)
    assert frequency("HP:0000300", EPSILON) == pytest.approx(3.02 / 4)
    # neither references nor length count what is borrowed
    assert profiles.n_references.tolist() == [1, 2, 2, 1, 1]
    assert profiles.expected_findings[EPSILON] == pytest.approx(3.02 / 4)
    assert profiles.expected_findings[GAMMA] == pytest.approx(20.02 / 21)


def test_a_withheld_publication_is_gone_from_the_siblings_too(
    vocabulary: Vocabulary, table: AnnotationTable
) -> None:
    """Taking it out of some diseases gives what a fit without it gives."""
    publications = {"PMID:31", "PMID:41"}
    everything = ProfileEstimator().fit(Evidence(vocabulary.graph, table))
    affected = np.array([GAMMA, DELTA])
    part = withhold(table.of_diseases(affected.tolist()), publications)
    some = ProfileEstimator().fit(Evidence(vocabulary.graph, part), others=everything.own_, diseases=affected)
    anew = ProfileEstimator().fit(Evidence(vocabulary.graph, withhold(table, publications)))
    expected = anew.profiles_.frequency[:, affected].toarray()
    assert some.profiles_.frequency[:, affected].toarray() == pytest.approx(expected)
    assert not anew.profiles_.frequency[vocabulary.graph.index["HP:0000220"], DELTA]


def test_a_disease_may_live_on_what_it_borrows(
    vocabulary: Vocabulary, table: AnnotationTable, tmp_path: Path
) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(packet("a", "OMIM:100001", ["HP:0000220"], publication="PMID:11")))
    cases = load_cases([path], vocabulary, numbers_of(table)).table
    only = withhold(table, {"PMID:12"})
    ranker = new_ranker(read_parameters()).fit(Evidence(vocabulary.graph, only))
    (scored,) = LeavePublicationOut(ranker, {}).score(cases)
    assert not scored.emptied  # ORPHA:70 still describes it
    assert scored.scores[ALPHA] > scored.scores[EPSILON]


def test_fair_takes_no_borrowed_reference(table: AnnotationTable) -> None:
    fair = withhold_one_each(table, np.random.default_rng(3))
    assert (fair.columns["origin"] != OWN).sum() == 4


def test_an_explanation_cites_orphanet(model: Path) -> None:
    predictor = Predictor.load(model)
    query = predictor.resolve(present=["HP:0000220", "HP:0000300"])
    explanation = predictor.explain(query, "OMIM:100001")
    (lens,) = [c for c in explanation.contributions if c.finding == "HP:0000220"]
    assert lens.references == ("ORPHA:70",)
    assert lens.frequency == "Very frequent (80-99 %)"
    assert sum(c.weight for c in explanation.contributions) + explanation.base == pytest.approx(
        explanation.score, abs=1e-6
    )
    (from_sibling,) = [
        c for c in predictor.explain(query, "OMIM:100004").contributions if c.finding == "HP:0000220"
    ]
    assert (from_sibling.frequency, from_sibling.references) == ("mean of related diseases", ("ORPHA:80",))
    nothing_known = predictor.explain(query, "DECIPHER:9").contributions
    assert from_sibling.weight > next(c.weight for c in nothing_known if c.finding == "HP:0000220")


def test_a_bundle_keeps_what_the_benchmark_needs(model: Path, tmp_path: Path, table: AnnotationTable) -> None:
    kept = Predictor.load(model).annotations
    assert kept.siblings == table.siblings
    assert kept.columns["origin"].tolist() == table.columns["origin"].tolist()
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(packet("c", "OMIM:100003", ["HP:0000220"], publication="PMID:31")))
    assert benchmark(model, [path], "raw")["top1"] == 1
    assert benchmark(model, [path], "leave-publication-out")["n_emptied"] == 0
