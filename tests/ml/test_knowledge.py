"""The knowledge folder: nothing lost, nothing invented, damage found."""

import gzip
import http.server
import threading
from pathlib import Path

import pytest

from ml.folders import OutputError
from ml.knowledge import KnowledgeError, read_knowledge
from ml.knowledge.build import build_knowledge
from tests.ml.release import OBO, hpoa, obographs, write_release


def test_the_wheels_release_is_complete(knowledge_dir: Path) -> None:
    knowledge = read_knowledge(knowledge_dir)
    assert knowledge.manifest["hpo_release"] == "2025-01-16"
    assert knowledge.version.startswith("2025-01-16+")
    assert knowledge.manifest["counts"] == {
        "terms": 19484,
        "diseases": 12812,
        "annotations": 271702,
        "common": 153,
        "genes": 12292,
    }
    by_database: dict[str, int] = {}
    for disease in knowledge.diseases:
        by_database[disease.database] = by_database.get(disease.database, 0) + 1
    assert by_database == {"OMIM": 8359, "ORPHA": 4274, "DECIPHER": 47, "MONDO": 124, "ICD10CM": 8}
    for source in knowledge.manifest["sources"]:
        assert source["licence"]
        assert source["release"]
        assert len(source["sha256"]) == 64


def test_terms_keep_synonyms_definitions_and_what_replaced_them(knowledge_dir: Path) -> None:
    terms = {term.id: term for term in read_knowledge(knowledge_dir).terms}
    epicanthus = terms["HP:0000286"]
    assert epicanthus.label == "Epicanthus"
    assert epicanthus.alt_ids == ("HP:0000624", "HP:0007930")
    assert ("Epicanthal fold", "EXACT") in epicanthus.synonyms
    assert (epicanthus.definition or "").startswith("A fold of skin")
    assert terms["HP:0000057"].obsolete
    assert terms["HP:0000057"].replaced_by == "HP:0008665"
    assert {"EXACT", "BROAD", "NARROW", "RELATED"} == {s.scope for t in terms.values() for s in t.synonyms}
    assert sum(bool(term.consider) for term in terms.values()) > 20


def test_every_row_keeps_its_own_references(small_knowledge: Path) -> None:
    rows = {(row.disease_id, row.hpo_id): row for row in read_knowledge(small_knowledge).annotations}
    row = rows["OMIM:100001", "HP:0000111"]
    assert row.references == ("PMID:11", "PMID:12")
    assert (row.frequency, row.numerator, row.denominator) == ("8/10", 8, 10)
    assert rows["OMIM:100002", "HP:0000300"].references == ("OMIM:100002",)
    assert rows["OMIM:100002", "HP:0000210"].negated
    assert rows["OMIM:100004", "HP:0000901"].frequency == "50%"
    assert rows["OMIM:100004", "HP:0000901"].numerator is None


def test_rare_only_where_a_source_says_so(small_knowledge: Path) -> None:
    diseases = {disease.id: disease for disease in read_knowledge(small_knowledge).diseases}
    assert diseases["ORPHA:7"].rarity == "rare"
    assert diseases["OMIM:100001"].rarity == "rare"  # the same name but for case and blanks
    assert "ORPHA:7" in (diseases["OMIM:100001"].rarity_source or "")
    assert diseases["OMIM:100002"].rarity is None
    assert diseases["OMIM:100002"].rarity_source is None
    assert diseases["OMIM:100001"].n_references == 2


def test_building_twice_gives_the_same_bytes(tmp_path: Path, small_knowledge: Path) -> None:
    build_knowledge(tmp_path / "again", str(write_release(tmp_path / "release")))
    for file in small_knowledge.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_json_and_obo_say_the_same(tmp_path: Path, small_knowledge: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    (release / "hp.json").write_text(obographs())
    (release / "phenotype.hpoa").write_text(hpoa())
    build_knowledge(tmp_path / "knowledge", str(release))
    assert read_knowledge(tmp_path / "knowledge").terms == read_knowledge(small_knowledge).terms


def test_a_release_comes_from_an_address(tmp_path: Path, small_knowledge: Path) -> None:
    release = write_release(tmp_path / "release")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(release))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        build_knowledge(tmp_path / "knowledge", base)
        (release / "hp.obo").unlink()
        with pytest.raises(KnowledgeError, match=r"hp\.obo cannot be fetched.*hp\.json cannot be fetched"):
            build_knowledge(tmp_path / "other", base)
        server.shutdown()
    assert read_knowledge(tmp_path / "knowledge").terms == read_knowledge(small_knowledge).terms
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda r: (r / "hp.obo").unlink(), r"lacks the ontology: hp\.obo or hp\.json"),
        (lambda r: (r / "phenotype.hpoa").unlink(), r"lacks the annotations: phenotype\.hpoa"),
        (lambda r: (r / "hp.obo").write_text("not an ontology"), r"hp\.obo cannot be read as an ontology"),
        (lambda r: (r / "hp.obo").write_text(OBO.replace("hp/releases/2024-02-29", "x")), "no release date"),
        (lambda r: (r / "hp.obo").write_text(OBO.replace("HP:0000118", "HP:0000117")), "no term HP:0000118"),
        (lambda r: (r / "phenotype.hpoa").write_bytes(b"\xff\xfe"), r"phenotype\.hpoa cannot be read"),
        (
            lambda r: (r / "phenotype.hpoa").write_text("#version: 2024-02-29\na\tb\n"),
            "line 2: the header lacks",
        ),
        (lambda r: (r / "phenotype.hpoa").write_text(hpoa([])), "holds no annotation"),
        (
            lambda r: (r / "phenotype.hpoa").write_text(hpoa().replace("OMIM:100004\t", "XYZ:1\t")),
            "line 13, database_id: 'XYZ:1'",
        ),
        (
            lambda r: (r / "phenotype.hpoa").write_text(hpoa() + "one\ttwo\n"),
            "line 17: 2 columns, 12 expected",
        ),
        (lambda r: (r / "phenotype.hpoa").write_text(hpoa().replace("#version", "#v")), "names no release"),
    ],
)
def test_a_bad_release_is_refused_with_a_reason(tmp_path: Path, damage: object, message: str) -> None:
    release = write_release(tmp_path / "release")
    damage(release)  # type: ignore[operator]
    with pytest.raises(KnowledgeError, match=message):
        build_knowledge(tmp_path / "knowledge", str(release))
    assert not (tmp_path / "knowledge").exists()


@pytest.mark.parametrize(
    ("location", "message"), [("no/such/folder", "is not a folder"), ("ftp://x/y", "an http.s. address")]
)
def test_a_wrong_location_is_named(tmp_path: Path, location: str, message: str) -> None:
    with pytest.raises(KnowledgeError, match=message):
        build_knowledge(tmp_path / "knowledge", location)


def test_damage_is_found_on_reading(tmp_path: Path) -> None:
    folder = tmp_path / "knowledge"
    build_knowledge(folder, str(write_release(tmp_path / "release")))
    (folder / "terms.jsonl.gz").write_bytes(gzip.compress(b"{}"))
    with pytest.raises(KnowledgeError, match=r"terms\.jsonl\.gz is damaged"):
        read_knowledge(folder)
    (folder / "terms.jsonl.gz").unlink()
    with pytest.raises(KnowledgeError, match=r"lacks terms\.jsonl\.gz"):
        read_knowledge(folder)
    (folder / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(KnowledgeError, match="has format 99"):
        read_knowledge(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(KnowledgeError, match="is damaged"):
        read_knowledge(folder)
    with pytest.raises(KnowledgeError, match="no knowledge folder"):
        read_knowledge(tmp_path)


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        build_knowledge(tmp_path / "out", str(write_release(tmp_path / "release")))


def test_an_old_folder_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    release = str(write_release(tmp_path / "release"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale").write_text("")
    build_knowledge(tmp_path / "out", release)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "release"]
    assert not (tmp_path / "out" / "stale").exists()
