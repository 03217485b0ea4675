"""The set of common diseases says what it claims, and the validator refuses every kind of bad row."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.knowledge.common import DISEASES, FINDINGS, FOLDER, CommonDisease, CommonSetError, read_common
from ml.knowledge.common.validate import Checker, main
from ml.knowledge.ontology import read_ontology
from ml.knowledge.sources import hpo_files

INFLUENZA = "MONDO:0005812"
COVID = "MONDO:0100096"


@pytest.fixture(scope="module")
def checker() -> Checker:
    with hpo_files(None) as files:
        return Checker(read_ontology(files.ontology).terms)


@pytest.fixture(scope="module")
def diseases() -> dict[str, CommonDisease]:
    return {disease.id: disease for disease in read_common()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (DISEASES, FINDINGS):
        shutil.copy(FOLDER / name, tmp_path / name)
    edit(tmp_path, FINDINGS, 2, 5, "verified")  # the row that tests below spoil
    return tmp_path


def edit(folder: Path, name: str, line: int, column: int, value: str) -> None:
    """Replace one cell; lines are counted from 1, columns from 0."""
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    cells = lines[line - 1].split("\t")
    cells[column] = value
    lines[line - 1] = "\t".join(cells)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_an_entry_of_omim_is_one_disease_only(checker: Checker, folder: Path) -> None:
    edit(folder, DISEASES, 2, 3, "OMIM:608516")
    (problem,) = checker.problems(folder)
    assert problem.endswith("OMIM:608516 is already in same_as on line 2")


def test_the_set_is_valid() -> None:
    assert main([]) == 0


def test_the_set_is_large_enough_and_every_verified_row_has_a_reference(
    diseases: dict[str, CommonDisease],
) -> None:
    assert len(diseases) >= 120
    rows = [finding for disease in diseases.values() for finding in disease.findings]
    assert all(finding.references for finding in rows if finding.verified)
    assert sum(finding.verified for finding in rows) / len(rows) > 0.95


@pytest.mark.parametrize(
    ("disease", "expected"),
    [
        (INFLUENZA, {"Fever", "Cough", "Myalgia", "Headache", "Chills"}),
        ("MONDO:0005649", {"Abdominal pain", "Anorexia", "Nausea", "Vomiting"}),
        ("MONDO:0006939", {"Flank pain", "Fever", "Dysuria", "Chills"}),
        ("MONDO:0005068", {"Chest pain", "Dyspnea", "Hyperhidrosis", "Upper limb pain"}),
        ("MONDO:0005147", {"Polyuria", "Polydipsia", "Weight loss", "Hyperglycemia"}),
        ("MONDO:0005420", {"Fatigue", "Cold intolerance", "Constipation", "Increased body weight"}),
        ("MONDO:0005277", {"Headache", "Photophobia", "Phonophobia", "Nausea"}),
        ("MONDO:0005393", {"Podagra", "Arthralgia", "Joint swelling"}),
        ("MONDO:0005722", {"Barking cough", "Stridor", "Hoarse voice"}),
        ("MONDO:0007835", {"Abdominal mass", "Hematochezia", "Vomiting", "Lethargy"}),
        ("MONDO:0002009", {"Depression", "Anhedonia", "Insomnia", "Fatigue"}),
        ("ICD10CM:L22", {"Erythema", "Scaling skin", "Skin rash"}),
    ],
)
def test_findings_that_make_a_clinician_think_of_it_are_there(
    diseases: dict[str, CommonDisease], disease: str, expected: set[str]
) -> None:
    assert expected <= {finding.label for finding in diseases[disease].findings}


def test_reading_keeps_published_figures_and_their_references(diseases: dict[str, CommonDisease]) -> None:
    covid = diseases[COVID]
    assert covid.icd10 == ("U07.1",)
    fever = next(finding for finding in covid.findings if finding.label == "Fever")
    assert (fever.hpo_id, fever.frequency, fever.references) == ("HP:0001945", "40/41", ("PMID:31986264",))
    assert diseases[INFLUENZA].prevalence_kind == "annual incidence"
    assert diseases["MONDO:0005649"].age_profile == "P10Y/P30Y"
    assert diseases["MONDO:0005277"].sex_profile == "female 3:1"


def test_an_unverified_row_without_a_source_has_no_reference(diseases: dict[str, CommonDisease]) -> None:
    rows = [finding for disease in diseases.values() for finding in disease.findings if not finding.verified]
    assert rows
    assert all("none" not in finding.references for finding in rows)


@pytest.mark.parametrize(
    ("name", "column", "value", "problem"),
    [
        (FINDINGS, 0, "MONDO:9999999", "MONDO:9999999 is not in diseases.tsv"),
        (FINDINGS, 1, "HP:12", "hpo_id 'HP:12' must be HP:0000000"),
        (FINDINGS, 1, "HP:9999999", "HP:9999999 is not a term of this HPO release"),
        (FINDINGS, 1, "HP:0000057", "HP:0000057 is obsolete; use HP:0008665"),
        (FINDINGS, 1, "HP:0000006", "is not a phenotypic abnormality"),
        (FINDINGS, 2, "Something else", "hpo_label 'Something else' differs from the HPO's label"),
        (FINDINGS, 3, "9/4", "frequency '9/4' is not a part of a whole"),
        (FINDINGS, 3, "1/0", "frequency '1/0' is not a part of a whole"),
        (FINDINGS, 3, "120%", "frequency '120%' is not between 0% and 100%"),
        (FINDINGS, 3, "often", "frequency 'often' must be n/m, NN% or one of"),
        (FINDINGS, 3, "HP:0040285", "frequency 'HP:0040285' must be"),
        (FINDINGS, 4, "", "a verified row needs the reference"),
        (FINDINGS, 4, "none", "a verified row needs the reference"),
        (FINDINGS, 4, "PMID:abc", "reference 'PMID:abc' must be PMID:"),
        (FINDINGS, 4, "a textbook", "reference 'a textbook' must be PMID:"),
        (FINDINGS, 5, "probably", "status 'probably' must be one of: verified, unverified"),
        (FINDINGS, 6, "", "a verified row says in seen_in"),
        (FINDINGS, 6, " page", "seen_in begins or ends with a blank"),
        (DISEASES, 0, "DOID:1", "mondo_id 'DOID:1' must be MONDO:0000000"),
        (DISEASES, 1, "", "name is empty"),
        (DISEASES, 2, "cold", "icd10 'cold' is not a code of ICD-10"),
        (DISEASES, 3, "MIM:1", "same_as 'MIM:1' must be like OMIM:154700"),
        (DISEASES, 3, "OMIM:1;OMIM:2", "same_as names more than one entry of OMIM"),
        (DISEASES, 6, "12", "prevalence_per_100000 needs the prevalence"),
        (DISEASES, 4, "1 in 3", "prevalence needs prevalence_reference"),
        (DISEASES, 5, "point", "prevalence and prevalence_kind must both be given or both be empty"),
        (DISEASES, 8, "P50Y/P10Y", "age_profile 'P50Y/P10Y' ends before it begins"),
        (DISEASES, 8, "old", "age_profile 'old' must be an interval"),
        (DISEASES, 8, "/", "age_profile '/' names no age"),
        (DISEASES, 8, "HP:0001945", "age_profile 'HP:0001945' must be an interval"),
        (DISEASES, 9, "https://example.org/x", "age_reference is given without age_profile"),
        (DISEASES, 10, "women", "sex_profile 'women' must be female, male or both"),
    ],
)
def test_bad_cells_are_named_with_file_and_line(
    checker: Checker, folder: Path, name: str, column: int, value: str, problem: str
) -> None:
    # acute upper respiratory infection, on line 4, has no figures, so each change stands alone
    line = {FINDINGS: 2, DISEASES: 4}[name]
    edit(folder, name, line, column, value)
    assert [
        found
        for found in checker.problems(folder)
        if found.startswith(f"{name}:{line}: ") and problem in found
    ]


def test_an_unverified_row_needs_the_marker_instead_of_a_reference(checker: Checker, folder: Path) -> None:
    edit(folder, FINDINGS, 2, 5, "unverified")
    edit(folder, FINDINGS, 2, 4, "none")
    assert checker.problems(folder) == []
    edit(folder, FINDINGS, 2, 4, "")
    assert checker.problems(folder) == [
        "findings.tsv:2: reference is empty; an unverified row without one says 'none'"
    ]


def _twice(lines: list[str]) -> list[str]:
    return [*lines, lines[1]]


def _few(lines: list[str]) -> list[str]:
    return [lines[0], *lines[5:]]


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        (FINDINGS, _twice, "has HP:0000613 already on line 2"),
        (DISEASES, _twice, "ICD10CM:G44.2 is already on line 2"),
        (FINDINGS, _few, "ICD10CM:G44.2 has 5 findings; 8 to 40 were expected"),
    ],
)
def test_rows_that_are_double_or_too_few_are_found(
    checker: Checker, folder: Path, name: str, change: Callable[[list[str]], list[str]], problem: str
) -> None:
    path = folder / name
    path.write_text("\n".join(change(path.read_text(encoding="utf-8").splitlines())) + "\n", encoding="utf-8")
    assert [found for found in checker.problems(folder) if problem in found]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a\tb\n1\t2\n", "diseases.tsv:1: the columns must be mondo_id, name"),
        ("", "diseases.tsv:1: the columns must be"),
    ],
)
def test_a_file_of_other_columns_is_refused(folder: Path, text: str, problem: str) -> None:
    (folder / DISEASES).write_text(text, encoding="utf-8")
    with pytest.raises(CommonSetError, match=problem):
        read_common(folder)


def test_a_row_with_too_few_cells_is_refused(folder: Path) -> None:
    with (folder / FINDINGS).open("a", encoding="utf-8") as stream:
        stream.write("MONDO:0005812\tHP:0001945\n")
    with pytest.raises(CommonSetError, match=r"findings.tsv:\d+: 7 cells were expected, found 2"):
        read_common(folder)


def test_the_command_exits_with_one_and_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder, FINDINGS, 2, 4, "")
    assert main([str(folder)]) == 1
    assert capsys.readouterr().err.startswith("findings.tsv:2: a verified row needs the reference")
    assert main([str(folder / "nowhere")]) == 1
    assert "diseases.tsv cannot be read" in capsys.readouterr().err
