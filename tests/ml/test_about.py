"""What a model says of a disease beside its findings: inheritance, onset, and which diseases are like it."""

import json
from pathlib import Path

from ml.export.bundle import write_bundle
from ml.knowledge.build import OptionalSources, build_knowledge
from ml.serving import Predictor, SimilarDisease, Statement
from ml.serving.artefact import ABOUT, read_bundle
from ml.training.train import train
from tests.ml.release import orphapacket, write_release


def test_statements_have_their_sources_and_databases_are_merged(tmp_path: Path) -> None:
    packets = tmp_path / "packets.jsonl"
    packets.write_text(json.dumps(orphapacket("7", "Alpha syndrome")) + "\n")
    sources = OptionalSources(orphapackets=packets)
    build_knowledge(tmp_path / "knowledge", str(write_release(tmp_path / "release")), optional=sources)
    train(tmp_path / "model", tmp_path / "knowledge")
    predictor = Predictor.load(tmp_path / "model")
    about = predictor.explain(predictor.resolve(present=["HP:0000111"]), "OMIM:100001").about
    assert about.inheritance == (
        Statement("Autosomal dominant inheritance", "HP:0000006", "", ("PMID:11", "ORPHA:7")),
    )
    assert set(about.onset) == {
        Statement("Congenital onset", "HP:0003577", "", ("PMID:11",)),
        Statement("Neonatal", "", "", ("ORPHA:7",)),
    }


def test_frequencies_of_an_onset_are_as_published(predictor: Predictor) -> None:
    about = predictor.explain(predictor.resolve(present=["HP:0001649"]), "OMIM:219700").about
    infantile = next(stated for stated in about.onset if stated.term == "HP:0003593")
    assert (infantile.frequency, infantile.references) == ("6/7", ("PMID:10777364",))
    # what is no onset is not said to be one
    assert all("onset" in stated.text.lower() for stated in about.onset if stated.term)


def test_diseases_of_its_gene_come_before_those_that_are_only_alike(predictor: Predictor) -> None:
    similar = predictor.explain(predictor.resolve(present=["HP:0001083"]), "OMIM:154700").about.similar
    assert len(similar) == 6
    assert similar[0].bond == "gene FBN1"
    bonded = [bool(other.bond) for other in similar]
    assert bonded == sorted(bonded, reverse=True)
    assert sum(bonded) == 3
    assert any(other.name.startswith("Loeys-Dietz syndrome") for other in similar if not other.bond)
    for others in (similar[:3], similar[3:]):
        values = [other.similarity for other in others]
        assert values == sorted(values, reverse=True)
    assert all(0 < other.similarity <= 1 and other.id != "OMIM:154700" for other in similar)


def test_a_bundle_without_them_still_explains(small_model: Path, tmp_path: Path) -> None:
    """Predictions are explained by the model that made them, however old it is."""
    files = {name: raw for name, raw in read_bundle(small_model).files.items() if name != ABOUT}
    write_bundle(tmp_path / "old", files, {})
    predictor = Predictor.load(tmp_path / "old")
    explanation = predictor.explain(predictor.resolve(present=["HP:0000111"]), "OMIM:100001")
    assert explanation.contributions
    assert (explanation.about.inheritance, explanation.about.similar) == ((), ())


def test_a_type_of_the_same_disease_is_one_by_its_name(predictor: Predictor) -> None:
    similar = predictor.explain(predictor.resolve(present=["HP:0001166"]), "OMIM:609192").about.similar
    assert any(isinstance(o, SimilarDisease) and o.bond == "Loeys-Dietz syndrome" for o in similar)
