"""Optional sources of knowledge: Orphanet, SSSOM mappings, translations; nothing lost, errors name file and line."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml.cli import main
from ml.knowledge import KnowledgeError, read_knowledge
from ml.knowledge.build import OptionalSources, build_knowledge
from tests.ml.release import orphapacket, write_release, write_sssom

BABELON = "\t".join(
    ("source_language", "translation_language", "subject_id", "source_value", "predicate_id", "translation_value",
     "translation_status")
)  # fmt: skip


@pytest.fixture
def release(tmp_path: Path) -> str:
    return str(write_release(tmp_path / "release"))


def _lines(path: Path, *records: dict[str, Any]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in records).encode()))
    return path


def test_every_source_is_kept_and_named(tmp_path: Path, release: str) -> None:
    orphanet = _lines(tmp_path / "orpha.jsonl.gz", orphapacket("8", "Beta group"), orphapacket("7", "Alpha"))
    sssom = write_sssom(tmp_path / "m.sssom.tsv", [("MONDO:1", "skos:broadMatch", "Orphanet:7")])
    spanish = tmp_path / "es.tsv"
    spanish.write_text(f"{BABELON}\nen\tes\tHP:0000210\tCataract\trdfs:label\tCatarata\tOFFICIAL\n")
    out = tmp_path / "out"
    code = main(
        ["knowledge", "build", "--out", str(out), "--hpo", release, "--orphapackets", str(orphanet),
         "--sssom", str(sssom), "--translations", str(spanish)]
    )  # fmt: skip
    assert code == 0
    knowledge = read_knowledge(out)
    assert [disorder.id for disorder in knowledge.disorders] == ["ORPHA:7", "ORPHA:8"]
    alpha = knowledge.disorders[0]
    assert alpha.phenotypes == (("HP:0000111", "HP:0040282"),)
    assert alpha.references == (("OMIM:100001", "exact"),)
    assert alpha.prevalences == (("Point prevalence", "1-9 / 100 000", "Europe", "1[PMID]"),)
    assert alpha.onsets == ("Neonatal",)
    assert alpha.inheritance == ("Autosomal dominant",)
    assert alpha.genes == ("ABC1",)
    assert knowledge.mappings == (("MONDO:1", "broad", "ORPHA:7"),)
    assert knowledge.translations == (("HP:0000210", "es", "Catarata", "OFFICIAL"),)
    manifest = knowledge.manifest
    assert (manifest["counts"]["disorders"], manifest["counts"]["mappings"]) == (2, 1)
    by_name = {source["name"].split(",")[0]: source for source in manifest["sources"]}
    assert by_name["Orphanet"]["release"] == "2025-12-09"
    assert "CC BY 4.0" in by_name["Orphanet"]["licence"]
    assert by_name["SSSOM mappings"]["release"] == "2026-08-04"
    assert by_name["SSSOM mappings"]["licence"] == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert all(len(source["sha256"]) == 64 for source in manifest["sources"])


def test_without_them_the_folder_is_what_it_was(tmp_path: Path, release: str) -> None:
    plain = build_knowledge(tmp_path / "plain", release)
    assert plain == build_knowledge(tmp_path / "empty", release, optional=OptionalSources())
    assert set(plain["files"]) == {
        "terms.jsonl.gz", "diseases.jsonl.gz", "annotations.tsv.gz", "common.jsonl.gz",
    }  # fmt: skip
    assert set(plain["counts"]) == {"terms", "diseases", "annotations", "common"}
    assert read_knowledge(tmp_path / "plain").disorders == ()


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, release: str) -> None:
    orphanet = _lines(tmp_path / "orpha.jsonl.gz", orphapacket("7", "Alpha"))
    first, second = (
        build_knowledge(tmp_path / name, release, optional=OptionalSources(orphapackets=orphanet))
        for name in ("one", "two")
    )
    assert first == second
    assert first["version"] != build_knowledge(tmp_path / "plain", release)["version"]


def test_genes_come_from_the_release_and_from_orphanet(tmp_path: Path, release: str) -> None:
    table = Path(release) / "genes_to_phenotype.txt"
    table.write_text(
        "ncbi_gene_id\tgene_symbol\thpo_id\thpo_name\tfrequency\tdisease_id\n"
        "1\tABC1\tHP:0000111\tx\t-\tOMIM:100001\n"
        "1\tABC1\tHP:0000210\ty\t1/4\tOMIM:100001\n"
        "2\t-\tHP:0000210\ty\t-\tOMIM:100002\n"
    )
    orphanet = _lines(tmp_path / "orpha.jsonl.gz", orphapacket("7", "Alpha"))
    build_knowledge(tmp_path / "out", release, optional=OptionalSources(orphapackets=orphanet))
    knowledge = read_knowledge(tmp_path / "out")
    assert knowledge.genes == (
        ("OMIM:100001", "ABC1", "genes_to_phenotype.txt"),
        ("ORPHA:7", "ABC1", "ORPHA:7"),
    )
    assert any("genes_to_phenotype.txt" in source["name"] for source in knowledge.manifest["sources"])
    table.write_text("gene_symbol\tdisease\n")
    with pytest.raises(KnowledgeError, match=r"genes_to_phenotype\.txt, line 1: the columns"):
        build_knowledge(tmp_path / "broken", release)


def _without(name: str) -> dict[str, Any]:
    return {k: v for k, v in orphapacket("7", "Alpha").items() if k != name}


def _with_phenotype(**values: str) -> dict[str, Any]:
    phenotype = {"HPOId": "HP:0000111", "HPOTerm": "x", "HPOFrequency": "Frequent (79-30%)"} | values
    return orphapacket("7", "Alpha") | {"Phenotypes": [{"Phenotype": phenotype}]}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (_without("ORPHAcode"), "line 2: ORPHAcode: a number was expected, not None"),
        (_without("Label"), "line 2: Label: a text was expected"),
        (
            _with_phenotype(HPOId="0000111"),
            "line 2: HPOId: an id like HP:0000118 was expected, not '0000111'",
        ),
        (_with_phenotype(HPOFrequency="Often"), "line 2: HPOFrequency: one of Obligate"),
        (orphapacket("8", "Again"), "line 2: ORPHAcode: ORPHA:8 stands twice"),
        ([1], "line 2: a JSON object was expected"),
    ],
)
def test_a_malformed_orphapacket(tmp_path: Path, release: str, record: Any, message: str) -> None:
    path = _lines(tmp_path / "orpha.jsonl.gz", orphapacket("8", "Beta"), record)
    with pytest.raises(KnowledgeError, match=r"orpha\.jsonl\.gz, ") as caught:
        build_knowledge(tmp_path / "out", release, optional=OptionalSources(orphapackets=path))
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def _sssom(path: Path) -> OptionalSources:
    return OptionalSources(sssom=[path])


def _translations(path: Path) -> OptionalSources:
    return OptionalSources(translations=path)


def _orphapackets(path: Path) -> OptionalSources:
    return OptionalSources(orphapackets=path)


@pytest.mark.parametrize(
    ("content", "source", "message"),
    [
        (b"a\tb\n", _sssom, "f, line 1: the SSSOM columns"),
        (b"", _sssom, "f has no header line"),
        (
            b"subject_id\tpredicate_id\tobject_id\nA:1\tskos:exactMatch\n",
            _sssom,
            "line 2: 3 columns were expected",
        ),
        (b"subject_id\tpredicate_id\tobject_id\nA:1\tsame\tB:1\n", _sssom, "line 2: predicate_id: one of"),
        (
            b"subject_id\tpredicate_id\tobject_id\nA\tskos:exactMatch\tB:1\n",
            _sssom,
            "line 2: subject_id: an id",
        ),
        (b"subject_id\tx\n", _translations, "f, line 1: the Babelon columns"),
        (BABELON.encode(), _translations, "f holds no translated label"),
        (b"{}\xff\n", _orphapackets, "f, line 1: it is not UTF-8"),
        (b"", _orphapackets, "f holds no record"),
        (b"{\n", _orphapackets, "f, line 1: "),
        (gzip.compress(b"\n" * 90_000, mtime=0)[:40], _orphapackets, "the compressed file is damaged"),
    ],
)
def test_a_malformed_file(
    tmp_path: Path, release: str, content: bytes, source: Callable[[Path], OptionalSources], message: str
) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(KnowledgeError) as caught:
        build_knowledge(tmp_path / "out", release, optional=source(path))
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path, release: str, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = str(tmp_path / "nothing")
    arguments = ["knowledge", "build", "--out", str(tmp_path / "out"), "--hpo", release, "--sssom", nothing]
    assert main(arguments) == 1
    assert "nothing cannot be read" in capsys.readouterr().err
