"""FHIR R4 resources into flat records, one a patient, which a shape maps as it maps those of any source.

    {"id": "p1", "age": "P34Y2M", "sex": "female", "present": ["HP:0001250"], "absent": ["SNOMED:49727002"],
     "uncertain": [], "diagnoses": ["ICD10CM:G40.909"],
     "measurements": [{"code": "LOINC:2823-3", "value": 5.9, "unit": "mmol/L"}]}

Resources: hl7.org/fhir/R4/patient.html, condition.html, observation.html.
"""

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ml.data.reading import ReadingReport
from ml.data.records import STATES
from ml.data.shape import Shape
from ml.features.encode import SEXES
from ml.serving.phenopacket import Document, LineError, PacketError
from ml.serving.vocabulary import HPO_ID

TYPES = ("Patient", "Condition", "Observation")
# the list of entries of a bundle; of what is none, no list
ENTRIES = "resourceType == 'Bundle' && (entry || `[]`)"
# what a shape of FHIR need not say, since the records are made here
FIELDS: dict[str, Any] = {
    "id": "id",
    "diagnosis": "diagnoses",
    "age": {"field": "age", "unit": "iso8601"},
    "sex": {"field": "sex", "values": {sex: sex for sex in SEXES}},
    "findings": [{"field": state, "state": state} for state in STATES],
}
_SYSTEMS = {
    "http://human-phenotype-ontology.org": "HP",
    "http://purl.obolibrary.org/obo/hp.owl": "HP",
    "http://purl.obolibrary.org/obo/mondo.owl": "MONDO",
    "http://www.omim.org": "OMIM",
    "http://www.orpha.net": "ORPHA",
    "http://snomed.info/sct": "SNOMED",
    "http://loinc.org": "LOINC",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "http://terminology.hl7.org/CodeSystem/v2-0136": "YESNO",
}
# SNOMED CT's and LOINC's codes of present, positive, detected, yes, and of their opposites
_PRESENT = frozenset({"SNOMED:52101004", "SNOMED:10828004", "SNOMED:260373001", "SNOMED:373066001", "LOINC:LA33-6",
                      "LOINC:LA9633-4", "LOINC:LA6576-8", "YESNO:Y", "yes", "present", "positive"})  # fmt: skip
_ABSENT = frozenset({"SNOMED:2667000", "SNOMED:260385009", "SNOMED:260415000", "SNOMED:373067005", "LOINC:LA32-8",
                     "LOINC:LA9634-2", "LOINC:LA6577-6", "YESNO:N", "no", "absent", "negative"})  # fmt: skip
_UNKNOWN = frozenset({"unknown", "asked-unknown", "temp-unknown"})  # other reasons say that nobody asked
_NO_STATEMENT = frozenset({"entered-in-error", "cancelled"})
_VERIFICATION = {
    "refuted": "absent",
    "unconfirmed": "uncertain",
    "provisional": "uncertain",
    "differential": "uncertain",
}
_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T.*)?")
_UNITS = {"a": "Y", "mo": "M", "wk": "W", "d": "D"}  # UCUM's, of ages


@dataclass
class _Patient:
    place: Document
    resource: dict[str, Any]
    id: str = ""
    codes: dict[str, dict[str, None]] = field(default_factory=lambda: {state: {} for state in STATES})
    diagnoses: dict[str, None] = field(default_factory=dict)
    measurements: list[dict[str, Any]] = field(default_factory=list)
    # days of statements: of diagnoses, and of findings
    diagnosed: list[datetime.date] = field(default_factory=list)
    observed: list[datetime.date] = field(default_factory=list)


def read_resources(
    documents: Iterable[Document | LineError], shape: Shape, report: ReadingReport
) -> Iterator[Document | LineError]:
    """The record of each patient. `documents` are entries of bundles, resources, or bundles.

    A condition whose code is HPO's or stands in the shape's mapping set of findings is a finding, any other a
    diagnosis: never both, for a diagnosis among the findings would give the answer away. A refuted one is absent; a
    provisional one is uncertain, and no diagnosis. An observation is present or absent by its value; a quantity is a
    measurement.
    What cannot be read of a condition or observation is added to `report.problems`.
    """
    patients: dict[str, _Patient] = {}
    statements: list[tuple[Document, dict[str, Any]]] = []
    for document in documents:
        if isinstance(document, LineError):
            yield document
            continue
        try:
            for resource, url in _resources(document.value):
                kind = resource.get("resourceType")
                if kind == "Patient":
                    _register(patients, _Patient(document, resource), url)
                elif kind in TYPES:
                    statements.append((document, resource))
                elif not isinstance(kind, str) or _is_failure(resource):
                    raise PacketError(f"{kind!r:.60}; a Patient, Condition or Observation was expected")
        except PacketError as error:
            yield LineError(document.line, str(error), document.source)
    for document, resource in statements:
        try:
            _state(resource, _subject(resource, patients), shape)
        except PacketError as error:
            detail = f"{resource['resourceType']} {resource.get('id', 'without id')}: {error}"
            report.problems.append(LineError(document.line, detail, document.source))
    for patient in {id(patient): patient for patient in patients.values()}.values():
        yield Document(_record(patient), patient.place.line, patient.place.source)


def _resources(value: Any) -> Iterator[tuple[dict[str, Any], str | None]]:
    """(resource, its full URL) of an entry, a resource or a bundle."""
    value = _object(value)
    if value.get("resourceType") == "Bundle":
        for entry in _list(value.get("entry")):
            yield from _resources(entry)
    elif "resource" in value and "resourceType" not in value:
        url = value.get("fullUrl")
        yield _object(value["resource"]), url if isinstance(url, str) else None
    else:
        yield value, None


def _register(patients: dict[str, _Patient], patient: _Patient, url: str | None) -> None:
    identity = patient.resource.get("id")
    names = [f"Patient/{identity}"] if isinstance(identity, str) and identity else []
    names += [url] if url else []
    if not names:
        raise PacketError("Patient: an id was expected")
    if any(name in patients for name in names):
        raise PacketError(f"{names[0]} stands in the source already: the same patient twice")
    patient.id = names[0].removeprefix("Patient/")
    patients.update(dict.fromkeys(names, patient))


def _subject(resource: dict[str, Any], patients: dict[str, _Patient]) -> _Patient:
    reference = _object(resource.get("subject")).get("reference")
    if not isinstance(reference, str):
        raise PacketError("subject.reference: a text was expected")
    name = reference.partition("/_history/")[0]
    patient = patients.get(name) or patients.get("/".join(name.split("/")[-2:]))
    if patient is None:
        raise PacketError("subject: a patient that the source gives was expected")
    return patient


def _state(resource: dict[str, Any], patient: _Patient, shape: Shape) -> None:
    if str(resource.get("status")) in _NO_STATEMENT:
        return
    if resource["resourceType"] == "Observation":
        day = _day(resource.get("effectiveDateTime") or resource.get("issued"))
        patient.observed += [day] if day else []
        parts = [_object(part) for part in _list(resource.get("component"))]
        for part in parts if parts and not _value_of(resource) else [resource, *parts]:
            _observe(part, patient, shape)
        return
    verification = {
        code.rpartition(":")[2].rpartition("|")[2] for code in _codes(resource.get("verificationStatus"))
    }
    if verification & _NO_STATEMENT:
        return
    state = next((_VERIFICATION[code] for code in verification if code in _VERIFICATION), "present")
    code, is_finding = _chosen(resource, shape)
    day = _day(resource.get("recordedDate") or resource.get("onsetDateTime"))
    if is_finding:
        patient.codes[state][code] = None
        patient.observed += [day] if day else []
    elif state == "present":
        patient.diagnoses[code] = None
        patient.diagnosed += [day] if day else []


def _observe(part: dict[str, Any], patient: _Patient, shape: Shape) -> None:
    code, _is_finding = _chosen(part, shape)
    quantity = part.get("valueQuantity")
    if quantity is not None:
        quantity = _object(quantity)
        unit = quantity.get("code") or quantity.get("unit")
        patient.measurements.append({"code": code, "value": quantity.get("value"), "unit": unit})
        return
    state = _state_of(part)
    if state is not None:
        patient.codes[state][code] = None


def _state_of(part: dict[str, Any]) -> str | None:
    if isinstance(part.get("valueBoolean"), bool):
        return "present" if part["valueBoolean"] else "absent"
    if "dataAbsentReason" in part:
        reasons = {code.rpartition("|")[2] for code in _codes(part["dataAbsentReason"])}
        return "uncertain" if reasons & _UNKNOWN else None
    words = {str(part.get("valueString", "")).strip().lower()}
    concept = part.get("valueCodeableConcept")
    if concept is not None:
        words |= {*_codes(concept), *(text.strip().lower() for text in _texts(concept))}
    is_present, is_absent = bool(words & _PRESENT), bool(words & _ABSENT)
    if is_present == is_absent:
        raise PacketError("its value cannot be read; true, false, present or absent was expected")
    return "present" if is_present else "absent"


def _value_of(part: dict[str, Any]) -> bool:
    return any(key.startswith("value") or key == "dataAbsentReason" for key in part)


def _chosen(resource: dict[str, Any], shape: Shape) -> tuple[str, bool]:
    """(the code that counts, whether it is one of findings): of translations, the first that means a finding."""
    concept = resource.get("code")
    codes = [*_codes(concept), *_texts(concept)[:1]]
    if not codes:
        raise PacketError("code: a coding or a text was expected")
    for code in codes:
        if HPO_ID.fullmatch(code) or shape.codes.is_listed(code):
            return code, True
    return next((code for code in codes if shape.diseases.is_listed(code)), codes[0]), False


def _codes(concept: Any) -> list[str]:
    """`prefix:code` of each coding; of a system that is not known here, `system|code`."""
    found = []
    for coding in _list(_object(concept).get("coding")):
        system, code = _object(coding).get("system"), coding.get("code")
        if not isinstance(code, str) or not code.strip():
            continue
        prefix = _SYSTEMS.get(system) if isinstance(system, str) else None
        if prefix is None:
            found.append(f"{system}|{code}" if isinstance(system, str) else code)
        else:
            # HPO's and MONDO's codes hold their prefix, and some servers write others so, too
            found.append(code if code.startswith(f"{prefix}:") else f"{prefix}:{code}")
    return found


def _texts(concept: Any) -> list[str]:
    concept = _object(concept)
    texts = [
        concept.get("text"),
        *(_object(coding).get("display") for coding in _list(concept.get("coding"))),
    ]
    return [text for text in texts if isinstance(text, str) and text.strip()]


def _record(patient: _Patient) -> dict[str, Any]:
    return {
        "id": patient.id,
        "sex": patient.resource.get("gender"),
        "age": _age(patient),
        "diagnoses": list(patient.diagnoses),
        "measurements": patient.measurements,
    } | {state: list(codes) for state, codes in patient.codes.items()}


def _age(patient: _Patient) -> str | None:
    """As an extension of type Age says, else on the day of the last diagnosis, without any on that of the last finding.

    A birth date or day without month or day counts from the first of them.
    """
    extensions = patient.resource.get("extension")
    for extension in extensions if isinstance(extensions, list) else []:
        age = extension.get("valueAge") if isinstance(extension, dict) else None
        if isinstance(age, dict) and isinstance(age.get("value"), int | float):
            unit = _UNITS.get(str(age.get("code")))
            return None if unit is None else f"P{age['value']:g}{unit}"
    born, days = _day(patient.resource.get("birthDate")), patient.diagnosed or patient.observed
    if born is None or not days:
        return None
    day = max(days)
    months = (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)
    if months < 0:
        return f"-P{-months}M"
    return f"P{(day - born).days}D" if months == 0 else f"P{months // 12}Y{months % 12}M"


def _day(value: Any) -> datetime.date | None:
    """The day of a date or time; where FHIR leaves month or day out, the first."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return datetime.date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None


def _is_failure(resource: dict[str, Any]) -> bool:
    """Servers put OperationOutcomes among what they found; most are hints."""
    if resource.get("resourceType") != "OperationOutcome":
        return False
    issues = [_object(issue) for issue in _list(resource.get("issue"))]
    return any(issue.get("severity") in ("fatal", "error") for issue in issues)


def _object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PacketError(f"{value!r:.60}; an object was expected")
    return value


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise PacketError(f"{value!r:.60}; a list was expected")
    return value
