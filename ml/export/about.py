"""What a model says of each disease beside its findings: inheritance, usual onset, and diseases like it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ml.knowledge import Knowledge
from ml.knowledge.model import Disorder
from ml.serving.about import bonds_of
from ml.training.ranker import PhenotypeRanker

ONSET = "HP:0003674"
INHERITANCE = "HP:0000005"
N_SIMILAR = 6
# of these, at most so many share a gene or a series: a series may have a hundred types
_N_BONDED = 3
# findings that more than one disease in 50 has make any two diseases alike
_LEAST_INFORMATION = 4.0
_CHUNK = 500


def about_lines(ranker: PhenotypeRanker, knowledge: Knowledge, records: Sequence[Mapping[str, Any]]) -> bytes:
    """One JSON line for each of the model's diseases, in their order; `records` are those of the bundle's list."""
    stated = _Statements(knowledge)
    lines = []
    for record, similar in zip(records, _similar(ranker, records), strict=True):
        about = stated.of(record["ids"]) | {
            "similar": [[records[k]["id"], round(value, 4)] for k, value in similar]
        }
        lines.append(json.dumps(about, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


class _Statements:
    """Published rows on inheritance and onset: HPO's, Orphanet's, and those of the set of common diseases."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._labels = {term.id: term.label for term in knowledge.terms}
        parents = {term.id: term.parents for term in knowledge.terms}
        onsets = _below(ONSET, parents)
        self._modes = {self._labels[term]: term for term in _below(INHERITANCE, parents)}
        # disease id -> kind -> (text, term) -> [frequencies, references]
        self._found: dict[str, dict[str, dict[tuple[str, str], tuple[list[str], list[str]]]]] = {}
        for row in knowledge.annotations:
            if row.negated:
                continue
            if row.aspect == "I":
                kind = "inheritance"
            elif row.hpo_id in onsets:
                kind = "onset"
            else:
                continue
            label = self._labels.get(row.hpo_id, row.hpo_id)
            self._add(row.disease_id, kind, label, row.hpo_id, row.frequency, row.references)
        for disorder in knowledge.disorders:
            self._add_disorder(disorder)
        for condition in knowledge.common:
            if condition.age_profile:
                references = [part.strip() for part in condition.age_reference.split(";") if part.strip()]
                for age in condition.age_profile.split(";"):
                    term = age if age in self._labels else ""
                    self._add(condition.id, "onset", self._labels.get(age, age), term, "", references)

    def _add_disorder(self, disorder: Disorder) -> None:
        for text in disorder.inheritance:
            # what is not inherited has no mode
            if text != "Not applicable":
                # "Autosomal dominant" is HPO's "Autosomal dominant inheritance"
                label = next((t for t in (text, f"{text} inheritance") if t in self._modes), text)
                term = self._modes.get(label, "")
                self._add(disorder.id, "inheritance", label, term, "", (disorder.id,))
        for text in disorder.onsets:
            self._add(disorder.id, "onset", text, "", "", (disorder.id,))

    def _add(
        self, disease: str, kind: str, text: str, term: str, frequency: str, references: Iterable[str]
    ) -> None:
        of_kind = self._found.setdefault(disease, {}).setdefault(kind, {})
        frequencies, known = of_kind.setdefault((text, term), ([], []))
        if frequency and frequency not in frequencies:
            frequencies.append(frequency)
        known += [reference for reference in references if reference not in known]

    def of(self, ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """By kind, the statements on a disease under any of its ids; those with most references first."""
        merged: dict[str, dict[tuple[str, str], dict[str, Any]]] = {"inheritance": {}, "onset": {}}
        for identity in ids:
            for kind, statements in self._found.get(identity, {}).items():
                for (text, term), (frequencies, references) in statements.items():
                    said = merged[kind].setdefault(
                        (text, term), {"text": text, "term": term, "frequency": [], "references": []}
                    )
                    said["frequency"] += frequencies
                    said["references"] += references
        found = {kind: list(statements.values()) for kind, statements in merged.items()}
        for statements_of_kind in found.values():
            for said in statements_of_kind:
                said["frequency"] = "; ".join(said["frequency"])
            statements_of_kind.sort(key=lambda said: (-len(said["references"]), said["text"]))
        return found


def _below(root: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    """All terms below `root`."""
    children: dict[str, list[str]] = {}
    for term, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(term)
    found: set[str] = set()
    waiting = [root]
    while waiting:
        fresh = [child for child in children.get(waiting.pop(), ()) if child not in found]
        found.update(fresh)
        waiting += fresh
    return found


def _similar(ranker: PhenotypeRanker, records: Sequence[Mapping[str, Any]]) -> list[list[tuple[int, float]]]:
    """(disease, cosine of the profiles) of those most alike: some of the same gene or series, then any."""
    vectors = _vectors(ranker)
    bonded = bonds_of(records)
    found = []
    for start in range(0, len(records), _CHUNK):
        alike = (vectors[start : start + _CHUNK] @ vectors.T).toarray()
        for offset, row in enumerate(alike):
            disease = start + offset
            related = sorted(bonded.get(disease, {}), key=lambda other: (-row[other], other))[:_N_BONDED]
            row[[disease, *related]], values = 0.0, row[related].tolist()
            n_others = min(N_SIMILAR - len(related), len(row) - 1)
            best = np.argpartition(-row, n_others)[:n_others]
            others = sorted(
                ((int(k), float(row[k])) for k in best if row[k] > 0), key=lambda o: (-o[1], o[0])
            )
            found.append([*zip(related, values, strict=True), *others])
    return found


def _vectors(ranker: PhenotypeRanker) -> sparse.csr_matrix:
    """[diseases, terms]: frequency times information, of length 1; rows of nothing where nothing telling is known."""
    information: NDArray[np.float64] = -np.log(ranker.likelihood_.background_)
    telling = np.flatnonzero(information > _LEAST_INFORMATION)
    weighted = sparse.diags(information[telling]) @ ranker.profiles_.profiles_.frequency.tocsr()[telling]
    vectors = weighted.T.tocsr()
    length = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    length[length == 0] = 1.0
    return (sparse.diags(1 / length) @ vectors).tocsr()
