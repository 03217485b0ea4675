"""Writing GA4GH Phenopackets v2 (https://phenopacket-schema.readthedocs.io, ISO 4454:2022)."""

from collections.abc import Mapping
from typing import Any

_SEX = {"female": "FEMALE", "male": "MALE", "other": "OTHER_SEX", "unknown": "UNKNOWN_SEX"}
_HPO = {
    "id": "hp",
    "name": "Human Phenotype Ontology",
    "url": "http://purl.obolibrary.org/obo/hp.owl",
    "namespacePrefix": "HP",
    "iriPrefix": "http://purl.obolibrary.org/obo/HP_",
}


def phenopacket_of(
    case: Mapping[str, Any], patient: Mapping[str, Any], *, made_at: str, hpo_release: str
) -> dict[str, Any]:
    """One case of `apps.privacy.archive_content` as a phenopacket.

    A phenopacket knows present and excluded findings alone, so uncertain ones are left out of it. In place of its `age`
    a case may have an `age_range`: (from, to) as ISO 8601 durations.
    """
    subject: dict[str, Any] = {"id": patient["id"], "sex": _SEX[patient["sex"]]}
    if case.get("age_range"):
        start, end = ({"iso8601duration": age} for age in case["age_range"])
        subject["timeAtLastEncounter"] = {"ageRange": {"start": start, "end": end}}
    elif case["age"]:
        subject["timeAtLastEncounter"] = {"age": {"iso8601duration": case["age"]}}
    packet: dict[str, Any] = {
        "id": case["id"],
        "subject": subject,
        "phenotypicFeatures": [
            {"type": {"id": finding["id"], "label": finding["label"]}}
            | ({"excluded": True} if finding["state"] == "absent" else {})
            for finding in case["findings"]
            if finding["state"] != "uncertain"
        ],
        "metaData": {
            "created": made_at,
            "createdBy": "Hoofbeat",
            "resources": [_HPO | {"version": hpo_release}],
            "phenopacketSchemaVersion": "2.0",
        },
    }
    confirmed = next(iter(case["outcomes"]), None)
    if confirmed is not None and confirmed["disease"]:
        disease = {"id": confirmed["disease"], "label": confirmed["name"]}
        packet["interpretations"] = [
            {"id": case["id"], "progressStatus": "SOLVED", "diagnosis": {"disease": disease}}
        ]
    return packet
