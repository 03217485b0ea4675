"""One row per disease: ids that mean the same are merged, common conditions and Orphanet's own are in the list."""

import json
from pathlib import Path

import numpy as np
import pytest

from ml.cli import main
from ml.knowledge import read_knowledge
from ml.knowledge.build import OptionalSources, build_knowledge
from ml.knowledge.common import CommonDisease, CommonFinding
from ml.knowledge.merging import merge
from ml.knowledge.model import Disorder, DisorderPhenotype, ExternalReference, Mapping
from ml.serving import Predictor
from ml.training.candidates import candidate_ids, onset_terms
from ml.training.data import annotation_table, vocabulary_of
from ml.training.train import train
from tests.ml.packets import packet
from tests.ml.release import orphapacket, write_release, write_sssom

FINDING = CommonFinding("HP:0000111", "x", "", ("PMID:1",), True, "y")


def common(identity: str, *same_as: str, icd10: tuple[str, ...] = ()) -> CommonDisease:
    return CommonDisease(
        identity, "our name", icd10, same_as, "", "", None, "", "", "", "", "", (FINDING,)
    )  # fmt: skip


def disorder(identity: str, *references: tuple[str, str]) -> Disorder:
    return Disorder(
        identity, identity, "Disease", phenotypes=(DisorderPhenotype("HP:0000111", "HP:0040282"),),
        references=tuple(ExternalReference(*reference) for reference in references),
    )  # fmt: skip


def ids(rows: list[object]) -> dict[str, tuple[str, ...]]:
    return {row.id: row.ids for row in rows}  # type: ignore[attr-defined]


def test_ids_meet_through_mondo_and_through_orphanets_own_references() -> None:
    rows = merge(
        ["OMIM:1", "OMIM:2", "ORPHA:7", "ORPHA:9"],
        (),
        [disorder("ORPHA:8", ("OMIM:2", "exact"))],
        [Mapping("MONDO:1", "exact", "OMIM:1"), Mapping("MONDO:1", "exact", "ORPHA:7"),
         Mapping("MONDO:1", "exact", "ICD10CM:A00.1"), Mapping("MONDO:1", "exact", "ICD10CM:A00-A09"),
         Mapping("MONDO:2", "close", "ORPHA:9")],
    )  # fmt: skip
    assert ids(rows) == {
        "OMIM:1": ("OMIM:1", "ORPHA:7", "MONDO:1", "ICD10CM:A00.1"),
        "OMIM:2": ("OMIM:2", "ORPHA:8"),
        "ORPHA:9": ("ORPHA:9",),
    }


def test_entries_of_omim_are_never_merged_and_an_id_of_two_means_neither() -> None:
    rows = merge(
        ["OMIM:1", "OMIM:2", "ORPHA:7"],
        (),
        [disorder("ORPHA:7", ("OMIM:1", "exact"), ("OMIM:2", "exact"))],
        [Mapping("MONDO:1", "exact", "OMIM:1"), Mapping("MONDO:1", "exact", "OMIM:2")],
    )
    assert ids(rows) == {"OMIM:1": ("OMIM:1",), "OMIM:2": ("OMIM:2",), "ORPHA:7": ("ORPHA:7",)}


def test_what_orphanet_calls_broader_stays_apart_whatever_mondo_says() -> None:
    rows = merge(
        ["OMIM:1"],
        (),
        [disorder("ORPHA:7", ("OMIM:1", "broader"))],
        [Mapping("MONDO:1", "exact", "OMIM:1"), Mapping("MONDO:1", "exact", "ORPHA:7")],
    )
    assert ids(rows)["OMIM:1"] == ("OMIM:1", "MONDO:1")
    assert "ORPHA:7" in ids(rows)


def test_the_reviewed_column_decides_for_common_diseases() -> None:
    rows = merge(
        ["OMIM:1", "OMIM:2", "ORPHA:7"],
        [common("MONDO:1", "OMIM:1", "ORPHA:7", icd10=("B00",)), common("MONDO:2")],
        [],
        [Mapping("MONDO:2", "exact", "OMIM:2"), Mapping("MONDO:2", "exact", "ICD10CM:C00")],
    )
    assert ids(rows) == {
        "OMIM:1": ("OMIM:1", "ORPHA:7", "MONDO:1", "ICD10CM:B00"),
        "MONDO:2": ("MONDO:2", "ICD10CM:C00"),
        "OMIM:2": ("OMIM:2",),
    }


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("", 0), ("HP:0003593;HP:0011463", 2), ("P45Y/", 2), ("/P3Y", 3), ("P10Y/P30Y", 2), ("P60Y/", 1),
        ("P3W/P12W", 2),
    ],
)  # fmt: skip
def test_an_age_profile_becomes_classes_of_onset(profile: str, expected: int) -> None:
    assert len(onset_terms(profile)) == expected


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the small release with Orphanet: ORPHA:7 is Alpha, 8 a disorder of its own, 9 a group, 11 broader."""
    folder = tmp_path_factory.mktemp("one-list")
    packets = [
        orphapacket("7", "Alpha"),
        orphapacket("8", "Own disorder") | {"ExternalReferences": []},
        orphapacket("9", "A group") | {"ExternalReferences": [], "DisorderType": {"value": "Clinical group"}},
        orphapacket("11", "Broader")
        | {"ExternalReferences": [{"Source": "OMIM", "Reference": "100002", "DisorderMappingRelation": "BTNT (x)"}]},
    ]  # fmt: skip
    orphanet = folder / "orphapackets.jsonl"
    orphanet.write_text("".join(json.dumps(record) + "\n" for record in packets))
    sssom = write_sssom(folder / "m.sssom.tsv", [("MONDO:3", "skos:exactMatch", "OMIM:100003")])
    build_knowledge(
        folder / "knowledge",
        str(write_release(folder / "release")),
        optional=OptionalSources(orphanet, [sssom]),
    )
    train(folder / "model", folder / "knowledge")
    return folder


def test_only_orphanets_own_disorders_join_the_list(folder: Path) -> None:
    predictor = Predictor.load(folder / "model")
    orphanet = [identity for identity in predictor.disease_ids if identity.startswith("ORPHA:")]
    assert orphanet == ["ORPHA:8"]
    assert predictor.candidates["ORPHA:8"] == "Own disorder"
    knowledge = read_knowledge(folder / "knowledge")
    numbers = candidate_ids(knowledge, annotation_table(knowledge, vocabulary_of(knowledge.terms)).diseases)
    assert numbers["ORPHA:7"] == numbers["OMIM:100001"]
    assert dict(predictor.numbers) == numbers


def test_any_id_of_a_disease_will_do(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictor = Predictor.load(folder / "model")
    query = predictor.resolve(present=["HP:0000220"])
    assert predictor.explain(query, "MONDO:3") == predictor.explain(query, "OMIM:100003")
    (gamma,) = [row for row in predictor.predict(query).ranking if row.id == "OMIM:100003"]
    assert gamma.ids == ("OMIM:100003", "MONDO:3")
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps(packet("a", "MONDO:3", ["HP:0000220"])))
    report = tmp_path / "report.json"
    arguments = [
        "benchmark",
        "--model",
        str(folder / "model"),
        "--cases",
        str(cases),
        "--report",
        str(report),
    ]
    for prior in ("literature", "prevalence", "uniform"):
        assert main([*arguments, "--prior", prior]) == 0
        result = json.loads(report.read_text())
        assert (result["n"], result["n_unknown_disease"], result["prior"]) == (1, 0, prior)
        if prior == "literature":
            assert result["top1"] == 1.0
    assert main([*arguments, "--prior", "prevalence", "--leave-publication-out"]) == 0
    capsys.readouterr()


def test_common_diseases_are_candidates_and_known_as_such(predictor: Predictor) -> None:
    query = predictor.resolve(present=["HP:0001945", "HP:0012735", "HP:0003326"])
    ranking = predictor.predict(query).ranking
    influenza = next(row for row in ranking if row.name == "influenza")
    assert (influenza.id, influenza.rarity) == ("MONDO:0005812", "common")
    lupus = predictor.numbers["ORPHA:536"]
    assert predictor.disease_ids[lupus] == "OMIM:152700"
    assert predictor.candidates["OMIM:152700"] == "systemic lupus erythematosus"


def test_web_pages_count_as_no_literature(predictor: Predictor) -> None:
    basis = predictor.prior_basis("MONDO:0005649")
    assert (basis.value, basis.kind, basis.per_100000) == ("0 publications", "publications", None)


def test_a_row_that_nobody_saw_weighs_half_and_says_so(predictor: Predictor) -> None:
    table = predictor.annotations
    unseen = table.columns["verified"] == 0
    assert unseen.sum() == 47
    assert np.all(table.columns["share"][unseen] == 0.5)
    headache = predictor.numbers["ICD10CM:G44.2"]
    explanation = predictor.explain(predictor.resolve(present=["HP:0000613"]), "ICD10CM:G44.2")
    assert predictor.disease_ids[headache] == explanation.disease_id
    assert not explanation.contributions[0].verified
    assert any(not expected.verified for expected in explanation.expected_not_asked)
    marfan = predictor.explain(predictor.resolve(present=["HP:0001083"]), "OMIM:154700")
    assert all(item.verified for item in marfan.contributions)
