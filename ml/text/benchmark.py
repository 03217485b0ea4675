"""Document-level agreement with an annotated corpus, for this extractor and the libraries that are installed.

A corpus is a JSON list of {"id", "text", "annotations"}, the annotations one a line as
`[start::end]<TAB>HP_0000000 | words`, as GSC+ (Lobo et al. 2017) is distributed. Of each document the set of terms
counts, negated mentions included, as the corpus annotates them. Alternative and obsolete ids are mapped, on both sides,
to what replaced them.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ml.errors import EngineError
from ml.knowledge.store import read_manifest
from ml.text.comparison import fasthpocr, fenominal
from ml.text.extractor import Extractor, read_terms
from ml.text.notes import InvalidNote
from ml.text.vocabulary import current_ids

Recogniser = Callable[[str], set[str]]
_LINE = re.compile(r"\[(\d+)::(\d+)\]\t(HP[_:]\d{7}) \| .*")
_PAGE = 3_000
_RESAMPLES = 1_000


class CorpusError(EngineError, ValueError):
    """The corpus cannot be read; the message says where."""


class Document(NamedTuple):
    """A text and the ids that people found in it."""

    id: str
    text: str
    annotated: tuple[str, ...]


def read_corpus(path: Path) -> list[Document]:
    """Read a corpus. Raises CorpusError."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        documents = [Document(str(r["id"]), r["text"], _ids(r["annotations"], str(r["id"]))) for r in records]
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path} is no corpus of id, text and annotations: {error}") from error
    if not documents:
        raise CorpusError(f"{path} holds no document")
    return documents


def _ids(annotations: str, document: str) -> tuple[str, ...]:
    found = []
    for number, line in enumerate(annotations.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(
                f"document {document}, annotation {number}: [start::end]<TAB>HP_id | words was expected"
            )
        found.append(match.group(3).replace("_", ":"))
    return tuple(found)


def run_benchmark(corpus: Path, knowledge: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Precision, recall and F1 (micro, over documents' sets of terms) with 95 % bootstrap intervals over documents."""
    documents = read_corpus(corpus)
    terms = read_terms(knowledge)
    current, phenotypes = current_ids(terms)
    extractor = Extractor(terms)
    systems: dict[str, Recogniser] = {"hoofbeat": lambda text: _ours(extractor, text)}
    with tempfile.TemporaryDirectory(prefix="hoofbeat-text-") as folder:
        for name, make in (("fenominal", fenominal), ("FastHPOCR", fasthpocr)):
            recogniser = make(terms, Path(folder), say)
            if recogniser is None:
                say(f"{name} is not installed and is left out")
            else:
                systems[name] = recogniser
        gold = [_current(document.annotated, current) for document in documents]
        results = {name: _score(documents, gold, s, current, phenotypes) for name, s in systems.items()}
    return {
        "n": len(documents),
        "n_annotations": sum(len(document.annotated) for document in documents),
        "knowledge": read_manifest(knowledge)["version"],
        "systems": results,
    }


def _ours(extractor: Extractor, text: str) -> set[str]:
    try:
        return {mention.id for mention in extractor.extract(text, "en").mentions}
    except InvalidNote:
        return set()


def _current(ids: Sequence[str] | set[str], current: dict[str, str]) -> set[str]:
    return {current[identity] for identity in ids if identity in current}


def _score(
    documents: Sequence[Document],
    gold: Sequence[set[str]],
    recogniser: Recogniser,
    current: dict[str, str],
    phenotypes: set[str],
) -> dict[str, Any]:
    recogniser(documents[0].text)
    start = time.perf_counter()
    found = [_current(recogniser(document.text), current) for document in documents]
    seconds = time.perf_counter() - start
    characters = sum(len(document.text) for document in documents)
    return {
        "phenotypes": _agreement([f & phenotypes for f in found], [g & phenotypes for g in gold]),
        "all": _agreement(found, gold),
        "ms_per_page": round(1000 * seconds * _PAGE / characters, 2),
    }


def _agreement(found: Sequence[set[str]], gold: Sequence[set[str]]) -> dict[str, float]:
    counts = np.array([(len(f & g), len(f), len(g)) for f, g in zip(found, gold, strict=True)], float)
    generator = np.random.default_rng(0)
    draws = generator.integers(len(counts), size=(_RESAMPLES, len(counts)))
    sums = counts[draws].sum(axis=1)
    low, high = np.quantile(2 * sums[:, 0] / np.maximum(sums[:, 1] + sums[:, 2], 1), (0.025, 0.975))
    both, ours, theirs = counts.sum(axis=0)
    return {
        "precision": round(both / max(ours, 1), 4),
        "recall": round(both / max(theirs, 1), 4),
        "f1": round(2 * both / max(ours + theirs, 1), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }
