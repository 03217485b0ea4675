"""`python -m ml knowledge build`: from an HPO release to one versioned knowledge folder."""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml.folders import write_folder
from ml.knowledge import store
from ml.knowledge.annotations import AnnotationError, AnnotationFile, read_annotations
from ml.knowledge.common import DISEASES, FINDINGS, FOLDER, CommonDisease, CommonSetError, read_common
from ml.knowledge.genes import genes_of_disorders, read_genes
from ml.knowledge.lines import SourceFileError
from ml.knowledge.merging import MergedDisease, database_of, merge
from ml.knowledge.model import Disease, DiseaseGene, Disorder, Term, Translation
from ml.knowledge.model import Mapping as IdMapping
from ml.knowledge.ontology import OntologyError, read_ontology
from ml.knowledge.orphanet import read_orphapackets
from ml.knowledge.rarity import COMMON, rarity_marks
from ml.knowledge.sources import HpoFiles, SourceError, hpo_files
from ml.knowledge.sssom import read_sssom
from ml.knowledge.translations import read_babelon

HPO_LICENCE = (
    "HPO licence (https://hpo.jax.org/license): free use; display the release and the source, "
    "do not alter the content"
)
ANNOTATION_LICENCE = (
    "HPO annotations, under the HPO licence. Contains statements curated from OMIM (https://omim.org; OMIM is a "
    "registered trademark of Johns Hopkins University), Orphanet (https://www.orpha.net; (c) INSERM, CC BY 4.0) and "
    "DECIPHER (https://www.deciphergenomics.org; cite Firth et al. 2009, PMID:19344873)"
)
GENE_LICENCE = f"{HPO_LICENCE}. Compiled from NCBI's mim2gene_medgen (public domain) and Orphanet (CC BY 4.0)"
ORPHANET_LICENCE = "CC BY 4.0 (https://www.orphadata.com/legal-notice)"
COMMON_LICENCE = (
    "Apache-2.0, as Hoofbeat's code; each row names its source, whose text belongs to its publisher"
)
TRANSLATION_LICENCE = f"translation of HPO labels, under the {HPO_LICENCE}"
_NOT_STATED = "not stated in the file"


@dataclass(frozen=True, slots=True)
class OptionalSources:
    """Files that add to an HPO release: orphapackets, SSSOM mapping sets, Babelon translations."""

    orphapackets: Path | None = None
    sssom: Sequence[Path] = ()
    translations: Path | None = None
    # where a file was fetched from; one that is not here is named by its file name
    origins: Mapping[Path, str] = field(default_factory=dict)


def build_knowledge(
    out: Path,
    location: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    optional: OptionalSources | None = None,
) -> Any:
    """Build the knowledge folder `out` and return its manifest.

    `location`: see `ml.knowledge.sources.hpo_files`. The folder appears at once and complete, or not at all; an
    existing one is replaced only when its content differs. Raises KnowledgeError.
    """
    try:
        with hpo_files(location) as files:
            say(f"reading {files.ontology.name}")
            ontology = read_ontology(files.ontology)
            say(f"reading {files.annotations.name}")
            annotations = read_annotations(files.annotations)
            genes = frozenset[DiseaseGene]() if files.genes is None else read_genes(files.genes)
            sources = _sources(files, ontology.release, annotations.release)
        more = _read_optional(optional or OptionalSources(), say)
        common = _common_of_release(ontology.terms)
    except (SourceError, SourceFileError, OntologyError, AnnotationError, CommonSetError) as error:
        raise store.KnowledgeError(str(error)) from error
    merged = merge(annotations.names.keys(), common, more.disorders, more.mappings)
    diseases = _diseases(annotations, merged, {disorder.id: disorder.name for disorder in more.disorders})
    all_genes = sorted(genes | genes_of_disorders(more.disorders))
    say("writing")
    content = store.encode(ontology.terms, diseases, annotations.rows, common)
    content |= store.encode_optional(more.disorders, more.mappings, more.translations, all_genes)
    checksums = {name: hashlib.sha256(raw).hexdigest() for name, raw in sorted(content.items())}
    combined = store.combined_checksum(checksums)
    manifest = {
        "format": store.FORMAT,
        "version": f"{ontology.release}+{combined[:12]}",
        "hpo_release": ontology.release,
        "sources": [*sources, _common_source(), *more.sources],
        "files": checksums,
        "sha256": combined,
        "counts": {
            "terms": len(ontology.terms),
            "diseases": len(diseases),
            "annotations": len(annotations.rows),
            "common": len(common),
        }
        | {
            name: len(records)
            for name, records in (
                ("disorders", more.disorders),
                ("mappings", more.mappings),
                ("translations", more.translations),
                ("genes", all_genes),
            )
            if records
        },
    }
    content[store.MANIFEST] = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    write_folder(out, content)
    return manifest


def _common_of_release(terms: Sequence[Term]) -> tuple[CommonDisease, ...]:
    """The set of common diseases, without those that this release of the HPO has no finding for."""
    known = {term.id for term in terms} | {alternative for term in terms for alternative in term.alt_ids}
    return tuple(
        disease for disease in read_common() if any(finding.hpo_id in known for finding in disease.findings)
    )


def _diseases(
    annotations: AnnotationFile, merged: Sequence[MergedDisease], disorder_names: Mapping[str, str]
) -> list[Disease]:
    references: dict[str, set[str]] = {}
    for row in annotations.rows:
        references.setdefault(row.disease_id, set()).update(row.references)
    names = {**disorder_names, **annotations.names}
    marks = rarity_marks(names)
    diseases = []
    for disease in merged:
        mark: tuple[str | None, str | None]
        if disease.common is not None:
            name, mark = disease.common.name, COMMON
        else:
            # an entry of Orphanet that was merged into this disease calls it rare
            name = names[disease.id]
            mark = next((marks[i] for i in disease.ids if i in marks), (None, None))
        diseases.append(
            Disease(
                id=disease.id,
                name=name,
                database=database_of(disease.id),
                rarity=mark[0],
                rarity_source=mark[1],
                n_references=len(references.get(disease.id, ())),
                ids=disease.ids,
            )
        )
    return diseases


def _common_source() -> dict[str, str]:
    digest = hashlib.sha256(
        b"".join((FOLDER / name).read_bytes() for name in (DISEASES, FINDINGS))
    ).hexdigest()
    return {
        "name": "Hoofbeat's set of common diseases",
        "release": digest[:12],
        "licence": COMMON_LICENCE,
        "url": "ml/knowledge/common",
        "sha256": digest,
    }


def _sources(files: HpoFiles, ontology_release: str, annotation_release: str) -> list[dict[str, str]]:
    sources = [
        {
            "name": f"Human Phenotype Ontology, {files.ontology.name}",
            "release": ontology_release,
            "licence": HPO_LICENCE,
            "url": files.origin,
            "sha256": _checksum(files.ontology),
        },
        {
            "name": f"HPO disease annotations, {files.annotations.name}",
            "release": annotation_release,
            "licence": ANNOTATION_LICENCE,
            "url": files.origin,
            "sha256": _checksum(files.annotations),
        },
    ]
    if files.genes is not None:
        sources.append(
            {
                "name": f"HPO genes of diseases, {files.genes.name}",
                "release": annotation_release,
                "licence": GENE_LICENCE,
                "url": files.origin,
                "sha256": _checksum(files.genes),
            }
        )
    return sources


@dataclass(frozen=True, slots=True)
class _Optional:
    disorders: tuple[Disorder, ...]
    mappings: tuple[IdMapping, ...]
    translations: tuple[Translation, ...]
    sources: list[dict[str, str]]


def _read_optional(optional: OptionalSources, say: Callable[[str], None]) -> _Optional:
    disorders: tuple[Disorder, ...] = ()
    mappings: set[IdMapping] = set()
    translations: tuple[Translation, ...] = ()
    sources: list[dict[str, str]] = []
    source = functools.partial(_source, optional.origins)
    if optional.orphapackets is not None:
        say(f"reading {optional.orphapackets.name}")
        orphanet = read_orphapackets(optional.orphapackets)
        disorders = orphanet.disorders
        licence = f"{orphanet.copyright}; {ORPHANET_LICENCE}".removeprefix("; ")
        sources.append(source("Orphanet, orphapackets", optional.orphapackets, orphanet.release, licence))
    for path in sorted(optional.sssom, key=lambda path: path.name):
        say(f"reading {path.name}")
        mapped = read_sssom(path)
        mappings.update(mapped.mappings)
        sources.append(source("SSSOM mappings", path, mapped.release, mapped.licence))
    if optional.translations is not None:
        say(f"reading {optional.translations.name}")
        translations = read_babelon(optional.translations)
        sources.append(source("HPO translations", optional.translations, "", TRANSLATION_LICENCE))
    return _Optional(disorders, tuple(sorted(mappings)), translations, sources)


def _source(origins: Mapping[Path, str], name: str, path: Path, release: str, licence: str) -> dict[str, str]:
    return {
        "name": f"{name}, {path.name}",
        "release": release or _NOT_STATED,
        "licence": licence or _NOT_STATED,
        "url": origins.get(path, path.name),
        "sha256": _checksum(path),
    }


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
