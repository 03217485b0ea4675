"""`python -m ml knowledge build`: from an HPO release to one versioned knowledge folder."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.folders import write_folder
from ml.knowledge import store
from ml.knowledge.annotations import AnnotationError, AnnotationFile, read_annotations
from ml.knowledge.model import Disease
from ml.knowledge.ontology import OntologyError, read_ontology
from ml.knowledge.rarity import rarity_marks
from ml.knowledge.sources import HpoFiles, SourceError, hpo_files

HPO_LICENCE = (
    "HPO licence (https://hpo.jax.org/license): free use; display the release and the source, "
    "do not alter the content"
)
ANNOTATION_LICENCE = (
    "HPO annotations, under the HPO licence. Contains statements curated from OMIM (https://omim.org; OMIM is a "
    "registered trademark of Johns Hopkins University), Orphanet (https://www.orpha.net; (c) INSERM, CC BY 4.0) and "
    "DECIPHER (https://www.deciphergenomics.org; cite Firth et al. 2009, PMID:19344873)"
)


def build_knowledge(
    out: Path, location: str | None = None, say: Callable[[str], None] = lambda _: None
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
            sources = _sources(files, ontology.release, annotations.release)
    except (SourceError, OntologyError, AnnotationError) as error:
        raise store.KnowledgeError(str(error)) from error
    diseases = _diseases(annotations)
    say("writing")
    content = store.encode(ontology.terms, diseases, annotations.rows)
    checksums = {name: hashlib.sha256(raw).hexdigest() for name, raw in sorted(content.items())}
    combined = store.combined_checksum(checksums)
    manifest = {
        "format": store.FORMAT,
        "version": f"{ontology.release}+{combined[:12]}",
        "hpo_release": ontology.release,
        "sources": sources,
        "files": checksums,
        "sha256": combined,
        "counts": {
            "terms": len(ontology.terms),
            "diseases": len(diseases),
            "annotations": len(annotations.rows),
        },
    }
    content[store.MANIFEST] = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    write_folder(out, content)
    return manifest


def _diseases(annotations: AnnotationFile) -> list[Disease]:
    references: dict[str, set[str]] = {}
    for row in annotations.rows:
        references.setdefault(row.disease_id, set()).update(row.references)
    marks = rarity_marks(annotations.names)
    return [
        Disease(
            id=identity,
            name=annotations.names[identity],
            database=identity.split(":")[0],
            rarity=marks.get(identity, (None, None))[0],
            rarity_source=marks.get(identity, (None, None))[1],
            n_references=len(references[identity]),
        )
        for identity in sorted(references)
    ]


def _sources(files: HpoFiles, ontology_release: str, annotation_release: str) -> list[dict[str, str]]:
    return [
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


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
