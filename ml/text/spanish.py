"""Spanish names of terms: the official labels, and what clinicians call the commonest findings besides."""

from collections.abc import Iterable, Mapping

from ml.text.lexicons import lines

_SYNONYM_WEIGHT = 0.95


def spanish_names(labels: Mapping[str, str]) -> Iterable[tuple[str, str, float]]:
    """(term id, name, weight) of all Spanish names; `labels` are the translated ones."""
    for identity, label in labels.items():
        yield identity, label, 1.0
    for line in lines("synonyms.es.tsv"):
        identity, name = line.split("\t")
        yield identity, name, _SYNONYM_WEIGHT
