"""Writing HL7 FHIR R4 (https://hl7.org/fhir/R4), checked by the library's model of the standard as it is made."""

from collections.abc import Iterator, Mapping
from typing import Any

_SYSTEMS = {
    "HP": "http://human-phenotype-ontology.org",
    "OMIM": "http://www.omim.org",
    "ORPHA": "http://www.orpha.net",
    "MONDO": "http://purl.obolibrary.org/obo/mondo.owl",
}
_CONFIRMED = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]
}
_UNKNOWN = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]
}
_CONSENT = {
    "scope": {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
        ]
    },
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    "policyRule": {"text": "Regulation (EU) 2016/679"},
}
_MOST_RANKED = 20


def bundle_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of `apps.privacy.archive_content.collect` that FHIR has a place for, as a Bundle of type collection.

    Findings are Observations, confirmed diagnoses Conditions, and predictions RiskAssessments with their first 20
    diseases, probabilities in percent (R4, RiskAssessment.prediction.probability).
    """
    # Half a second of work that only those need who make a bundle.
    from fhir.resources.R4B.bundle import Bundle

    entries = [
        {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in _resources(data)
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "timestamp": data["made_at"], "entry": entries}
    checked: dict[str, Any] = Bundle.model_validate(bundle).model_dump(mode="json")
    return checked


def _resources(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    patient = data["patient"]
    subject = {"reference": f"urn:uuid:{patient['id']}"}
    yield _patient(patient)
    for consent in data["consents"]:
        yield {
            "resourceType": "Consent",
            "id": consent["id"],
            "status": "active",
            "patient": subject,
            "dateTime": consent["at"],
            "provision": {
                "type": "permit" if consent["is_given"] else "deny",
                "purpose": [{"system": "urn:hoofbeat:purpose", "code": consent["purpose"]}],
            },
        } | _CONSENT
    for case in data["cases"]:
        for number, finding in enumerate(case["findings"]):
            yield _observation(finding, f"{case['id']}-{number}", subject)
        for outcome in case["outcomes"]:
            if outcome["disease"]:
                yield {
                    "resourceType": "Condition",
                    "id": outcome["id"],
                    "verificationStatus": _CONFIRMED,
                    "code": _concept(outcome["disease"], outcome["name"]),
                    "subject": subject,
                    "recordedDate": outcome["at"],
                }
        for prediction in case["predictions"]:
            yield _risk(prediction, subject)


def _patient(patient: Mapping[str, Any]) -> dict[str, Any]:
    identifiers = [{"system": "urn:hoofbeat:pseudonym", "value": patient["pseudonym"]}]
    if patient["identifier"]:
        identifiers.append({"system": "urn:hoofbeat:medical-record-number", "value": patient["identifier"]})
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": patient["id"],
        "identifier": identifiers,
        "gender": patient["sex"],
    }
    if patient["name"]:
        resource["name"] = [{"text": patient["name"]}]
    if patient["contact"]:
        resource["telecom"] = [{"system": "other", "value": patient["contact"]}]
    return resource


def _observation(finding: Mapping[str, Any], identity: str, subject: dict[str, str]) -> dict[str, Any]:
    value = (
        {"dataAbsentReason": _UNKNOWN}
        if finding["state"] == "uncertain"
        else {"valueBoolean": finding["state"] == "present"}
    )
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": _concept(finding["id"], finding["label"]),
        "subject": subject,
        "issued": finding["at"],
    } | value


def _risk(prediction: Mapping[str, Any], subject: dict[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "RiskAssessment",
        "id": prediction["id"],
        "status": "final",
        "subject": subject,
        "occurrenceDateTime": prediction["at"],
        "method": {"text": f"Hoofbeat model {prediction['model']['number']}"},
        "prediction": [
            {
                "outcome": _concept(ranked["disease"], ranked["name"]),
                "probabilityDecimal": round(100 * ranked["probability"], 4),
            }
            for ranked in prediction["ranking"][:_MOST_RANKED]
        ],
    }


def _concept(identity: str, label: str) -> dict[str, Any]:
    prefix, _, code = identity.partition(":")
    system = _SYSTEMS.get(prefix)
    if system is None:
        return {"text": f"{label} ({identity})"}
    # HPO's and MONDO's codes hold their prefix, OMIM's and Orphanet's are the number alone.
    return {"coding": [{"system": system, "code": identity if prefix in {"HP", "MONDO"} else code, "display": label}],
            "text": label}  # fmt: skip
