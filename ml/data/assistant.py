"""A sample file, and the names that its codes are compared with, for the mapping assistant."""

import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from ml.data.connectors import Blob
from ml.data.formats import read_blob
from ml.data.profile import Profile, profile, sample_of
from ml.data.proposals import Mapped, Names
from ml.knowledge import read_knowledge
from ml.knowledge.sssom import read_sssom

_MAPPINGS = Path(__file__).with_name("mappings")


def look_at(blob: Blob) -> Profile:
    """The profile of a sample in any format that is read."""
    records, n_unread = sample_of(read_blob(blob))
    return profile(records, n_unread)


def names_of_knowledge(folder: Path) -> tuple[Names, Names]:
    """(names of findings, names of diseases) of a knowledge folder, in all languages that it has."""
    knowledge = read_knowledge(folder)
    canonical = {identity: disease.id for disease in knowledge.diseases for identity in disease.ids}
    others = [
        (canonical[disorder.id], name)
        for disorder in knowledge.disorders
        if disorder.id in canonical
        for name in (disorder.name, *disorder.synonyms)
    ]
    others += [
        (canonical[disease.id], disease.name) for disease in knowledge.common if disease.id in canonical
    ]
    earlier = list(_earlier())
    return (
        Names.of_findings(
            knowledge.terms,
            ((row.term, row.label) for row in knowledge.translations),
            (row for row in earlier if row.id.startswith("HP:")),
        ),
        Names.of_diseases(
            knowledge.diseases, others, (row for row in earlier if not row.id.startswith("HP:"))
        ),
    )


def _earlier() -> Iterator[Mapped]:
    """What the mapping sets say that come with the engine."""
    for path in sorted(_MAPPINGS.glob("*.sssom.tsv")):
        found = read_sssom(path)
        for subject, relation, target in found.mappings:
            if relation in ("exact", "broad") and target != "sssom:NoTermFound":
                origin, _colon, code = subject.partition(":")
                label = found.labels.get(target, "")
                yield Mapped(urllib.parse.unquote(code), target, label, relation, origin)
