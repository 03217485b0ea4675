"""A small HPO release, written by hand: small enough to compute by hand what the engine should say."""

import json
from pathlib import Path

OBO = """format-version: 1.2
data-version: hp/releases/2024-02-29
ontology: hp

[Term]
id: HP:0000001
name: All

[Term]
id: HP:0000005
name: Mode of inheritance
is_a: HP:0000001 ! All

[Term]
id: HP:0000006
name: Autosomal dominant inheritance
is_a: HP:0000005 ! Mode of inheritance

[Term]
id: HP:0031797
name: Clinical course
is_a: HP:0000001 ! All

[Term]
id: HP:0003674
name: Onset
is_a: HP:0031797 ! Clinical course

[Term]
id: HP:0003577
name: Congenital onset
is_a: HP:0003674 ! Onset

[Term]
id: HP:0003584
name: Late onset
is_a: HP:0003674 ! Onset

[Term]
id: HP:0000118
name: Phenotypic abnormality
is_a: HP:0000001 ! All

[Term]
id: HP:0000100
name: Abnormal heart
def: "Something about the heart." [PMID:1]
synonym: "Heart trouble" EXACT layperson []
synonym: "Cardiac anomaly" BROAD []
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000110
name: Septal defect
alt_id: HP:0000119
is_a: HP:0000100 ! Abnormal heart

[Term]
id: HP:0000111
name: Ventricular septal defect
is_a: HP:0000110 ! Septal defect

[Term]
id: HP:0000112
name: Atrial septal defect
is_a: HP:0000110 ! Septal defect

[Term]
id: HP:0000200
name: Abnormal eye
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000210
name: Cataract
is_a: HP:0000200 ! Abnormal eye

[Term]
id: HP:0000220
name: Ectopia lentis
is_a: HP:0000200 ! Abnormal eye

[Term]
id: HP:0000300
name: Short stature
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000901
name: obsolete Old cataract
is_obsolete: true
replaced_by: HP:0000210

[Term]
id: HP:0000902
name: obsolete Vague eye
is_obsolete: true
consider: HP:0000210
consider: HP:0000220
"""

COLUMNS = (
    "database_id", "disease_name", "qualifier", "hpo_id", "reference", "evidence", "onset", "frequency", "sex",
    "modifier", "aspect", "biocuration",
)  # fmt: skip

# disease, name, NOT, term, references, frequency, aspect
ROWS = [
    ("OMIM:100001", "Alpha syndrome", "", "HP:0000111", "PMID:11;PMID:12", "8/10", "P"),
    ("OMIM:100001", "Alpha syndrome", "", "HP:0000210", "PMID:11", "1/4", "P"),
    ("OMIM:100001", "Alpha syndrome", "", "HP:0000006", "PMID:11", "", "I"),
    ("OMIM:100001", "Alpha syndrome", "", "HP:0003577", "PMID:11", "", "C"),
    ("OMIM:100002", "Beta disease", "", "HP:0000112", "PMID:21", "HP:0040281", "P"),
    ("OMIM:100002", "Beta disease", "", "HP:0000300", "OMIM:100002", "", "P"),
    ("OMIM:100002", "Beta disease", "NOT", "HP:0000210", "PMID:21", "", "P"),
    ("OMIM:100003", "Gamma disease", "", "HP:0000220", "PMID:31", "20/20", "P"),
    ("OMIM:100003", "Gamma disease", "", "HP:0003584", "PMID:31", "", "C"),
    ("OMIM:100004", "Delta disease", "", "HP:0000901", "PMID:41", "50%", "P"),
    ("OMIM:100005", "Inherited only", "", "HP:0000006", "PMID:51", "", "I"),
    ("ORPHA:7", "Alpha  Syndrome", "", "HP:0000111", "ORPHA:7", "", "P"),
    ("DECIPHER:9", "Epsilon deletion", "", "HP:0000300", "PMID:91", "3/3", "P"),
]


def hpoa(rows: list[tuple[str, ...]] | None = None) -> str:
    """The text of phenotype.hpoa."""
    lines = ["#description: by hand", "#version: 2024-02-29", "\t".join(COLUMNS)]
    for disease, name, negated, term, references, frequency, aspect in ROWS if rows is None else rows:
        lines.append(
            "\t".join(
                (
                    disease,
                    name,
                    negated,
                    term,
                    references,
                    "PCS",
                    "",
                    frequency,
                    "",
                    "",
                    aspect,
                    "HPO:x[2024-01-01]",
                )
            )
        )
    return "\n".join(lines) + "\n"


def write_release(folder: Path) -> Path:
    """Write hp.obo and phenotype.hpoa."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hp.obo").write_text(OBO)
    (folder / "phenotype.hpoa").write_text(hpoa())
    return folder


def obographs() -> str:
    """The terms of `OBO` as OBO Graphs JSON, as hp.json has them."""
    base = "http://purl.obolibrary.org/obo/"
    nodes, edges = [], []
    for block in OBO.split("[Term]")[1:]:
        tags: dict[str, list[str]] = {}
        for line in block.strip().splitlines():
            name, value = line.split(": ", 1)
            tags.setdefault(name, []).append(value)
        identity = base + tags["id"][0].replace(":", "_")
        properties = [
            {"pred": "http://www.geneontology.org/formats/oboInOwl#hasAlternativeId", "val": v}
            for v in tags.get("alt_id", [])
        ]
        properties += [
            {"pred": base + "IAO_0100001", "val": base + v.replace(":", "_")}
            for v in tags.get("replaced_by", [])
        ]
        properties += [
            {"pred": "http://www.geneontology.org/formats/oboInOwl#consider", "val": v}
            for v in tags.get("consider", [])
        ]
        synonyms = [
            {"pred": f"has{scope.capitalize()}Synonym", "val": text}
            for text, scope in (
                (v.split('"')[1], v.split('"')[2].split()[0]) for v in tags.get("synonym", [])
            )
        ]
        meta: dict[str, object] = {"basicPropertyValues": properties, "synonyms": synonyms}
        if "def" in tags:
            meta["definition"] = {"val": tags["def"][0].split('"')[1]}
        if "is_obsolete" in tags:
            meta["deprecated"] = True
        nodes.append({"id": identity, "lbl": tags["name"][0], "type": "CLASS", "meta": meta})
        for parent in tags.get("is_a", []):
            edges.append({"sub": identity, "pred": "is_a", "obj": base + parent.split()[0].replace(":", "_")})
    version = base + "hp/releases/2024-02-29/hp.json"
    return json.dumps({"graphs": [{"nodes": nodes, "edges": edges, "meta": {"version": version}}]})


def orphapacket(code: str, name: str) -> dict[str, object]:
    """One Orphanet record, with the inconsistent lists of the published ones."""
    return {
        "ORPHAcode": code,
        "Label": name,
        "creationDate": "2025-12-09 10:41:42",
        "copyright": "Orphanet (c) 2025",
        "DisorderType": {"value": "Disease"},
        "Phenotypes": [
            {"Phenotype": {"HPOId": "HP:0000111", "HPOTerm": "x", "HPOFrequency": "Frequent (79-30%)"}}
        ],
        "Prevalences": {
            "Prevalence": {
                "PrevalenceType": "Point prevalence",
                "PrevalenceClass": "1-9 / 100 000",
                "PrevalenceGeographic": "Europe",
                "Source": "1[PMID]",
            }
        },
        "AverageAgeOfOnsets": [{"AverageAgeOfOnset": {"value": "Neonatal"}}],
        "TypeOfInheritances": {"TypeOfInheritance": [{"value": "Autosomal dominant"}, {"value": "Unknown"}]},
        "ExternalReferences": [
            {"Source": "OMIM", "Reference": "100001", "DisorderMappingRelation": "E (Exact mapping)"}
        ],
        "Genes": [{"Gene": {"Symbol": "ABC1"}}, "no data"],
    }


def write_sssom(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    """An SSSOM mapping set of some (subject, predicate, object)."""
    lines = [
        "# license: https://creativecommons.org/publicdomain/zero/1.0/",
        "# mapping_set_version: http://example.org/releases/2026-08-04/m.sssom.tsv",
        "subject_id\tpredicate_id\tobject_id",
    ]
    path.write_text("\n".join([*lines, *("\t".join(row) for row in rows)]) + "\n")
    return path
