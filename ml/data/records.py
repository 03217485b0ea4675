"""Canonical case records: one JSON object a line, what every source becomes before anything is counted on it.

    {"schema": "hoofbeat-case/1", "id": "10626355", "age": "P2Y", "sex": "female",
     "findings": [{"id": "HP:0012735", "state": "present", "volunteered": true},
                  {"id": "LOCAL:clinic/blood%20count", "state": "uncertain", "label": "blood count", "broader": []}],
     "diagnoses": [{"id": "MONDO:0005709", "label": "common cold"}], "publications": [], "group": "family-7"}

`state` is present, absent or uncertain; `volunteered` says that it was said unasked. A finding that HPO lacks has an
id `LOCAL:source/code`, a label, and in `broader` the terms of HPO that are more general. Records with the same
`group` (a patient, a family) are kept together in folds, as those of one publication are. Standard library only.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml.features.graph import LOCAL_PREFIX
from ml.serving.phenopacket import LineError, PacketCase, PacketError, parse_packet, read_documents

SCHEMA = "hoofbeat-case/1"
STATES = ("present", "absent", "uncertain")
_ID = re.compile(r"[A-Za-z][\w.]*:\S+")
_GROUP = "group:"


def local_id(source: str, code: str) -> str:
    """The id of a source's own code: `LOCAL:source/code` (see `encoded`)."""
    return f"{LOCAL_PREFIX}{encoded(source)}/{encoded(code)}"


def encoded(code: str) -> str:
    """A code in NFC, as ids and mapping files write it.

    What is no letter, digit or one of ._+-/ is written %XX (its UTF-8 bytes), so that ids hold neither spaces nor
    commas and different codes never share one.
    """
    return "".join(
        c if re.fullmatch(r"[\w.+/-]", c) else "".join(f"%{b:02X}" for b in c.encode("utf-8"))
        for c in unicodedata.normalize("NFC", code)
    )


def read_cases(path: Path) -> Iterator[PacketCase | LineError]:
    """Cases of a file, folder or zip whose records are phenopackets or canonical records, also mixed.

    A record that cannot be read gives a LineError and the others go on. Raises CaseFileError.
    """
    for document in read_documents(path):
        if isinstance(document, LineError):
            yield document
            continue
        try:
            yield replace(parse_known(document.value), line=document.line, source=document.source)
        except PacketError as error:
            yield LineError(document.line, str(error), document.source)


def record_of(case: PacketCase) -> dict[str, Any]:
    """The canonical record of a case; `parse_record` is its inverse."""
    findings = [
        _finding(case, identity, state)
        for state, identities in zip(STATES, (case.present, case.absent, case.uncertain), strict=True)
        for identity in identities
    ]
    diagnoses = [{"id": d} | ({"label": case.labels[d]} if d in case.labels else {}) for d in case.diseases]
    record = {"schema": SCHEMA, "id": case.id, "age": case.age, "sex": case.sex, "findings": findings,
              "diagnoses": diagnoses}  # fmt: skip
    publications = [p for p in case.publications if not p.startswith(_GROUP)]
    groups = [p.removeprefix(_GROUP) for p in case.publications if p.startswith(_GROUP)]
    return record | {"publications": publications} | ({"group": groups[0]} if groups else {})


def _finding(case: PacketCase, identity: str, state: str) -> dict[str, Any]:
    finding: dict[str, Any] = {"id": identity, "state": state}
    if identity in case.volunteered:
        finding["volunteered"] = True
    if identity in case.labels:
        finding["label"] = case.labels[identity]
    if identity in case.local:
        finding["broader"] = list(case.local[identity])
    return finding


def parse_known(value: Any) -> PacketCase:
    """One case from a decoded phenopacket or canonical record. Raises PacketError."""
    return parse_record(value) if isinstance(value, dict) and "schema" in value else parse_packet(value)


def parse_record(record: dict[str, Any]) -> PacketCase:
    """One case from a decoded record. Raises PacketError, which names the field and what was expected."""
    if record.get("schema") != SCHEMA:
        raise PacketError(f"schema: {record.get('schema')!r}; {SCHEMA!r} was expected")
    by_state: dict[str, dict[str, None]] = {state: {} for state in STATES}
    volunteered: dict[str, None] = {}
    labels: dict[str, str] = {}
    local: dict[str, tuple[str, ...]] = {}
    for i, finding in enumerate(_list(record, "findings")):
        where = f"findings[{i}]"
        identity = _identified(finding, where, labels)
        state = finding.get("state")
        if state not in STATES:
            raise PacketError(f"{where}.state: {state!r}; one of {', '.join(STATES)} was expected")
        by_state[state][identity] = None
        if finding.get("volunteered") is True:
            volunteered[identity] = None
        if identity.startswith(LOCAL_PREFIX):
            local[identity] = tuple(_texts(finding, "broader", where))
    diagnoses = {
        _identified(diagnosis, f"diagnoses[{i}]", labels): None
        for i, diagnosis in enumerate(_list(record, "diagnoses"))
    }
    group = record.get("group")
    if group is not None and not isinstance(group, str):
        raise PacketError(f"group: {group!r}; a text was expected")
    return PacketCase(
        id=_text(record, "id"),
        present=tuple(by_state["present"]),
        absent=tuple(by_state["absent"]),
        uncertain=tuple(by_state["uncertain"]),
        volunteered=tuple(volunteered),
        age=_text(record, "age") if record.get("age") is not None else None,
        sex=_text(record, "sex") if record.get("sex") is not None else None,
        diseases=tuple(diagnoses),
        publications=(
            *_texts(record, "publications", "the record"),
            *([] if group is None else [_GROUP + group]),
        ),
        labels=labels,
        local=local,
    )


def _identified(value: Any, where: str, labels: dict[str, str]) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not _ID.fullmatch(value["id"]):
        raise PacketError(f"{where}: {str(value)[:60]}; an object with an id such as HP:0001166 was expected")
    if isinstance(value.get("label"), str):
        labels[value["id"]] = value["label"]
    return str(value["id"])


def _list(owner: dict[str, Any], name: str) -> list[Any]:
    value = owner.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise PacketError(f"{name}: {str(value)[:60]!r}; a list was expected")
    return value


def _texts(owner: dict[str, Any], name: str, where: str) -> list[str]:
    values = _list(owner, name)
    if not all(isinstance(value, str) for value in values):
        raise PacketError(f"{where}, {name}: a list of texts was expected")
    return values


def _text(owner: dict[str, Any], name: str) -> str:
    value = owner.get(name)
    if not isinstance(value, str) or not value:
        raise PacketError(f"{name}: {value!r}; a text was expected")
    return value
