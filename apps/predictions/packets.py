"""A phenopacket that is imported into a case: what it says, before anything of it is taken."""

import json
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.cases.models import Case
from apps.cases.selectors import get_case
from apps.core.problems import FieldError, InvalidInput
from apps.knowledge.selectors import resolve_terms
from ml.serving.age import InvalidAge, years_of
from ml.serving.phenopacket import PacketError, parse_packet

LARGEST = 1_000_000
MOST_FINDINGS = 500


@dataclass(frozen=True, slots=True)
class PacketFinding:
    """A finding under its current id; `given` is the id in the packet, `recorded` its state in the case or None."""

    id: str
    label: str
    state: str
    given: str
    recorded: str | None


@dataclass(frozen=True, slots=True)
class ReadPacket:
    """What can be taken of a packet, and in `left_out` (id, label) what cannot, since it is no finding of HPO."""

    id: str
    findings: tuple[PacketFinding, ...]
    age: str
    sex: str
    left_out: tuple[tuple[str, str], ...]
    diagnoses: tuple[str, ...]


@transaction.atomic
def read_packet(*, actor: Actor, case_id: UUID, raw: bytes) -> tuple[Case, ReadPacket]:
    """Read one packet (JSON) for a case, which does not change. Raises InvalidInput, which names the field."""
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    found = _read(case, raw)
    record_event(
        actor=actor,
        action="packet.read",
        object_type="case",
        object_ids=[case.pk],
        patient_ids=[case.patient_id],
        details={"findings": len(found.findings)},
    )
    return case, found


def _read(case: Case, raw: bytes) -> ReadPacket:
    if len(raw) > LARGEST:
        raise _refusal("too_large", _("The file is larger than 1 MB; one phenopacket was expected."))
    try:
        packet = parse_packet(json.loads(raw.decode("utf-8-sig")))
    except PacketError as error:
        raise _refusal("bad_packet", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _refusal(
            "not_json", _("The file is no JSON text; a GA4GH phenopacket was expected.")
        ) from error
    if len(packet.present) + len(packet.absent) > MOST_FINDINGS:
        raise _refusal("too_many_findings", _("At most 500 findings can be used at once; take some off."))
    try:
        age = packet.age if packet.age and years_of(packet.age) is not None else ""
    except InvalidAge as error:
        raise _refusal("invalid_age", f"subject.timeAtLastEncounter.age: {error}") from error
    stated = dict.fromkeys(packet.absent, "absent") | dict.fromkeys(packet.present, "present")
    known = resolve_terms(term_ids=stated)
    recorded = {finding.term_id: finding.state for finding in case.findings.all()}
    findings: dict[str, PacketFinding] = {}
    for given, state in stated.items():
        if given in known and not (known[given].pk in findings and state == "absent"):
            term = known[given]
            findings[term.pk] = PacketFinding(term.pk, term.label, state, given, recorded.get(term.pk))
    return ReadPacket(
        packet.id,
        tuple(findings.values()),
        age,
        "" if packet.sex in {None, "unknown"} else str(packet.sex),
        tuple((given, packet.labels.get(given, "")) for given in stated if given not in known),
        tuple(packet.labels.get(disease, disease) for disease in packet.diseases),
    )


def _refusal(code: str, detail: str) -> InvalidInput:
    return InvalidInput([FieldError("file", code, detail)])
