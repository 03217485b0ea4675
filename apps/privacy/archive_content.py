"""What is in a patient's archive: everything that the system holds about him, in four forms (ADR 35)."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from django.template.loader import render_to_string

from apps.cases.models import Case, Consent, EmergencyAccess, Patient
from apps.core.models import Record
from apps.interop.fhir import bundle_of
from apps.interop.phenopackets import phenopacket_of
from apps.knowledge.selectors import current_release, names_of
from apps.knowledge.translations import label_for_reader
from apps.predictions.models import Prediction
from apps.predictions.selectors import with_successor


def collect(patient: Patient, *, made_at: str, accesses: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything about `patient`, as JSON can hold it; labels in the language of the moment. `made_at` is ISO 8601."""
    return {
        "made_at": made_at,
        "patient": {
            "id": str(patient.pk),
            "pseudonym": patient.pseudonym,
            "name": patient.name,
            "identifier": patient.identifier,
            "contact": patient.contact,
            "sex": patient.sex,
            "entered_at": _at(patient),
        },
        "consents": [
            {
                "id": str(act.pk),
                "purpose": act.purpose,
                "is_given": act.is_given,
                "channel": act.channel,
                "text": act.text.text if act.text else "",
                "version": act.text.version if act.text else None,
                "at": _at(act),
            }
            for act in Consent.objects.filter(patient=patient).order_by("id").select_related("text")
        ],
        "emergency_accesses": [
            {"at": _at(access), "until": access.expires_at.isoformat(), "reason": access.reason}
            for access in _emergencies(patient)
        ],
        "cases": [_case(case) for case in _cases(patient)],
        "accesses": accesses,
    }


def pack(data: dict[str, Any]) -> bytes:
    """The archive: a zip of `data.json`, a page to read, a FHIR bundle, and a phenopacket for each case."""
    release = current_release()
    hpo_release = release.hpo_release if release else "unknown"
    files = {
        "read-me-first.html": render_to_string("privacy/archive.html", data),
        "data.json": _json(data),
        "fhir-bundle.json": _json(bundle_of(data)),
    }
    for case in data["cases"]:
        packet = phenopacket_of(case, data["patient"], made_at=data["made_at"], hpo_release=hpo_release)
        files[f"phenopackets/{case['id']}.json"] = _json(packet)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _at(row: Record) -> str:
    return row.created_at.isoformat()


def _emergencies(patient: Patient) -> Iterator[EmergencyAccess]:
    for access in EmergencyAccess.objects.filter(patient=patient).order_by("id"):
        access.patient = patient  # with his key
        yield access


def _cases(patient: Patient) -> Iterator[Case]:
    rows = Case.objects.filter(patient=patient).order_by("id")
    for case in rows.prefetch_related("findings__term", "unknown_findings__term", "outcomes__disease"):
        case.patient = patient
        yield case


def _case(case: Case) -> dict[str, Any]:
    predictions = with_successor(Prediction.objects.filter(case=case)).order_by("id").select_related("model")
    return {
        "id": str(case.pk),
        "age": case.age,
        "note": case.note,
        "entered_at": _at(case),
        "changed_at": case.updated_at.isoformat(),
        "kept_until": case.retain_until.isoformat(),
        "findings": [
            {
                "id": finding.term_id,
                "label": label_for_reader(term_id=finding.term_id, label=finding.term.label),
                "state": finding.state,
                "at": finding.recorded_at.isoformat(),
            }
            for finding in case.findings.all()
        ],
        "could_not_be_told": [
            {
                "id": unknown.term_id,
                "label": label_for_reader(term_id=unknown.term_id, label=unknown.term.label),
                "at": unknown.recorded_at.isoformat(),
            }
            for unknown in case.unknown_findings.all()
        ],
        # The newest first: it holds.
        "outcomes": [
            {
                "id": str(outcome.pk),
                "disease": outcome.disease_id,
                "name": outcome.disease.name if outcome.disease else "",
                "at": _at(outcome),
            }
            for outcome in case.outcomes.all()
        ],
        "predictions": [
            _prediction(prediction)
            for prediction in predictions.prefetch_related("feedback__disease", "shadow_scores__model")
        ],
    }


def _prediction(prediction: Any) -> dict[str, Any]:
    successor = prediction.superseded_by_id
    ranking = prediction.output["ranking"]
    names = names_of(disease_ids=[disease for disease, _probability in ranking])
    return {
        "id": str(prediction.pk),
        "at": _at(prediction),
        "model": {
            "number": prediction.model.number,
            "artefact": prediction.model_hash,
            "knowledge": prediction.model.knowledge_version,
        },
        "superseded_by": str(successor) if successor else None,
        "input": prediction.input,
        "notices": prediction.notices,
        "output": {name: value for name, value in prediction.output.items() if name != "ranking"},
        "ranking": [
            {
                "rank": rank,
                "disease": disease,
                "name": names[disease].name if disease in names else disease,
                "probability": probability,
            }
            for rank, (disease, probability) in enumerate(ranking, start=1)
        ],
        "feedback": [
            {"disease": feedback.disease_id, "at": _at(feedback)} for feedback in prediction.feedback.all()
        ],
        # What models said that were only tried beside, which no clinician saw.
        "tried_beside": [
            {"model": score.model.number, "at": _at(score), "ranking": score.head}
            for score in prediction.shadow_scores.all()
        ],
    }
