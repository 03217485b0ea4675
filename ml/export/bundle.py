"""Writes the served bundle: every file, its checksums, and a manifest."""

import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.export.about import about_lines
from ml.export.card import model_card
from ml.export.converters import to_onnx
from ml.export.learned import learned_layout
from ml.folders import write_folder
from ml.knowledge import Knowledge, store
from ml.knowledge.series import series_of
from ml.serving import artefact
from ml.serving.priors import DEFAULT, LITERATURE, NAMES, PREVALENCE
from ml.training.frequency import PREVALENCE_WEIGHT, as_texts, frequencies
from ml.training.ranker import PhenotypeRanker


def bundle_files(
    ranker: PhenotypeRanker, knowledge: Knowledge, description: dict[str, Any]
) -> dict[str, bytes]:
    """All served files but the manifest; the same bytes for the same model."""
    diseases = {disease.id: disease for disease in knowledge.diseases}
    genes = _genes(knowledge)
    series = series_of({i: diseases[i].name for i in ranker.classes_.tolist()})
    profiles = ranker.profiles_.profiles_
    likelihood = ranker.likelihood_
    frequency = profiles.frequency
    evidence = ranker.evidence_
    n_cases = 0 if evidence.cases is None else len(evidence.cases)
    described = {
        "knowledge_version": knowledge.version,
        "hpo_release": knowledge.manifest["hpo_release"],
        "sources": knowledge.manifest["sources"],
        "n_diseases": len(ranker.classes_),
        "n_terms": len(likelihood.graph_),
        "n_cases": n_cases,
        "priors": list(NAMES),
        "default_prior": DEFAULT,
    } | description
    terms = "".join(
        json.dumps(
            {
                "id": t.id,
                "label": t.label,
                "synonyms": [s._asdict() for s in t.synonyms],
                "alt_ids": t.alt_ids,
                "parents": t.parents,
                "obsolete": t.obsolete,
                "replaced_by": t.replaced_by,
                "consider": t.consider,
            },
            ensure_ascii=False,
        )
        + "\n"
        for t in knowledge.terms
    )
    listed = [
        {
            "id": i,
            "name": diseases[i].name,
            "rarity": diseases[i].rarity,
            "ids": diseases[i].ids,
            "genes": genes.get(i, []),
            "series": series.get(i),
        }
        for i in ranker.classes_.tolist()
    ]
    names = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in listed)
    files = {
        artefact.MODEL: to_onnx(ranker).SerializeToString(deterministic=True),
        artefact.DESCRIPTION: (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode(),
        artefact.CARD: model_card(described).encode(),
        artefact.TERMS: store.gzip_bytes(terms.encode()),
        artefact.DISEASES: store.gzip_bytes(names.encode()),
        artefact.ANNOTATIONS: artefact.pack_table(evidence.table),
        artefact.ABOUT: store.gzip_bytes(about_lines(ranker, knowledge, listed)),
        artefact.PRIORS: _priors(ranker, knowledge),
        artefact.PROFILES: artefact.pack_arrays(
            {
                "start": frequency.indptr.astype(np.int64),
                "term": frequency.indices.astype(np.int32),
                "frequency": frequency.data.astype(np.float32),
                "background": likelihood.background_,
                "share": np.array(likelihood.share),
                "floor": np.array(likelihood.floor),
                "absent_weight": np.array(likelihood.absent_weight),
                "absent_threshold": np.array(likelihood.absent_threshold),
                "evidence": ranker.evidence_class_.astype(np.int8),
                "case_weight": np.array(0.0 if ranker.nearest_ is None else ranker.nearest_.weight),
                "case_threshold": np.array(0.0 if ranker.nearest_ is None else ranker.nearest_.threshold),
            }
            | _learned(ranker),
            {},
        ),
    }
    if evidence.cases is not None:
        files[artefact.CASES] = artefact.pack_cases(evidence.cases)
    return files


def _learned(ranker: PhenotypeRanker) -> dict[str, NDArray[Any]]:
    """What explanations need to know of a closed list's features (`ml.export.learned`)."""
    if ranker.learned_ is None:
        return {}
    layout = learned_layout(ranker.learned_)
    return {
        "learned_term": layout.term,
        "learned_state": layout.state,
        "learned_pair": layout.pair,
        "knowledge_weight": layout.knowledge_weight,
    }


def _genes(knowledge: Knowledge) -> dict[str, list[str]]:
    """The genes of each disease under any of its ids, sorted."""
    canonical = {identity: disease.id for disease in knowledge.diseases for identity in disease.ids}
    found: dict[str, set[str]] = {}
    for gene in knowledge.genes:
        if gene.disease_id in canonical:
            found.setdefault(canonical[gene.disease_id], set()).add(gene.gene_symbol)
    return {identity: sorted(genes) for identity, genes in found.items()}


def _priors(ranker: PhenotypeRanker, knowledge: Knowledge) -> bytes:
    """The named priors of the candidates, and what each figure rests on (`ml.serving.priors`)."""
    n_references = ranker.profiles_.profiles_.n_references
    found = frequencies(knowledge, ranker.classes_.tolist(), n_references)
    arrays, texts = as_texts(found.basis)
    return artefact.pack_arrays(
        {
            LITERATURE: ranker.offset_.literature_,
            PREVALENCE: PREVALENCE_WEIGHT * np.log(found.per_100000),
            "per_100000": found.per_100000,
            "assumed": np.array([basis.assumed for basis in found.basis]),
            "n_references": n_references.astype(np.int32),
        }
        | ({} if ranker.learned_ is None else {"n_cases": ranker.learned_.n_cases_})
        | arrays,
        texts,
    )


def write_bundle(out: Path, files: dict[str, bytes], notes: dict[str, Any]) -> str:
    """Write files and manifest as one folder that appears at once; returns the artefact's hash."""
    checksums = {name: hashlib.sha256(raw).hexdigest() for name, raw in sorted(files.items())}
    digest = artefact.artefact_hash(checksums)
    manifest = {
        "format": artefact.FORMAT,
        "artefact_hash": digest,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "files": checksums,
    } | notes
    write_folder(out, files | {artefact.MANIFEST: (json.dumps(manifest, indent=1) + "\n").encode()})
    return digest
