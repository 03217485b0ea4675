"""Findings that HPO lacks, as terms of the knowledge that a model is trained on."""

from collections.abc import Iterable
from dataclasses import replace

from ml.features.graph import LOCAL_PREFIX
from ml.knowledge import Knowledge, Term
from ml.serving.phenopacket import LineError, PacketCase
from ml.serving.vocabulary import PHENOTYPIC_ABNORMALITY, Vocabulary


def with_local_findings(
    knowledge: Knowledge, vocabulary: Vocabulary, records: Iterable[PacketCase | LineError]
) -> Knowledge:
    """The knowledge with a term for every local finding of some cases.

    It stands below the terms of HPO that a record names as broader (all records' taken together), else below the root
    of phenotypes, and has the label of the first record that labels it.
    """
    parents: dict[str, set[str]] = {}
    labels: dict[str, str] = {}
    for record in records:
        if isinstance(record, LineError):
            continue
        for identity, broader in record.local.items():
            known = {current for term in broader if (current := vocabulary.current(term)) is not None}
            parents.setdefault(identity, set()).update(filter(vocabulary.is_phenotype, known))
            if identity in record.labels:
                labels.setdefault(identity, record.labels[identity])
    terms = tuple(
        Term(
            identity,
            labels.get(identity, identity.removeprefix(LOCAL_PREFIX)),
            parents=tuple(sorted(above)) or (PHENOTYPIC_ABNORMALITY,),
        )
        for identity, above in sorted(parents.items())
    )
    return replace(knowledge, terms=knowledge.terms + terms)
