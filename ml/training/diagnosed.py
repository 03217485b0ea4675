"""Diseases that only confirmed cases describe, as candidates of the knowledge that a model is trained on."""

from collections.abc import Iterable, Set
from dataclasses import replace
from pathlib import Path

from ml.data.records import read_cases
from ml.knowledge import Disease, Knowledge
from ml.knowledge.merging import database_of
from ml.serving.phenopacket import LineError, PacketCase


def publications_of(paths: Iterable[Path]) -> frozenset[str]:
    """All publications of the records of some case files. Raises CaseFileError."""
    records = (record for path in paths for record in read_cases(path))
    return frozenset(p for record in records if isinstance(record, PacketCase) for p in record.publications)


def with_diagnoses(
    knowledge: Knowledge, records: Iterable[PacketCase | LineError], excluded: Set[str]
) -> Knowledge:
    """The knowledge with every diagnosis of some records among its diseases.

    Records without a present finding or of an excluded publication do not count. A diagnosis that the knowledge does
    not know has the name that the first record gives it, or its id. Of several diagnoses of a record the first is
    taken, and none where the knowledge describes any of them.
    """
    canonical = {identity: disease.id for disease in knowledge.diseases for identity in disease.ids}
    names: dict[str, str] = {}
    diagnosed: set[str] = set()
    for record in records:
        if not isinstance(record, PacketCase):
            continue
        if record.present and record.diseases and excluded.isdisjoint(record.publications):
            known = [canonical[identity] for identity in record.diseases if identity in canonical]
            if not known:
                first = record.diseases[0]
                names.setdefault(first, record.labels.get(first, first))
            diagnosed.add(known[0] if known else record.diseases[0])
    new = tuple(Disease(i, name, database_of(i), None, None, 0, (i,)) for i, name in sorted(names.items()))
    return replace(knowledge, diseases=knowledge.diseases + new, diagnosed=tuple(sorted(diagnosed)))
