"""Asking the engine, and telling it what turned out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.cases.models import Case, Consent
from apps.cases.selectors import get_case, has_consent, split_findings
from apps.cases.services import NewCase, enter_case, enter_outcome
from apps.core.capabilities import Capability
from apps.core.problems import Denied, FieldError, Forbidden, InvalidInput
from apps.knowledge.models import Disease
from apps.predictions.models import Feedback, Prediction
from apps.predictions.selectors import get_prediction
from apps.registry.running import Running, predictor_of, running_model
from ml.serving import Explanation, Query, UnknownDisease
from ml.serving import InvalidInput as EngineInvalidInput

LISTED = 100


@dataclass(frozen=True, slots=True)
class Findings:
    """The engine's input: HPO ids, an ISO 8601 duration, a sex."""

    present: Sequence[str]
    absent: Sequence[str] = ()
    age: str | None = None
    sex: str | None = None


def resolve_findings(*, findings: Findings) -> tuple[Running, Query]:
    """The input as the running model understands it. Raises InvalidInput with everything that is wrong."""
    running = running_model()
    return running, _resolve(running, findings)


def _resolve(running: Running, findings: Findings) -> Query:
    try:
        return running.predictor.resolve(
            present=list(findings.present),
            absent=list(findings.absent),
            age=findings.age or None,
            sex=findings.sex or None,
        )
    except EngineInvalidInput as error:
        raise InvalidInput(
            FieldError(issue.field, issue.code, issue.detail, issue.value or "", tuple(issue.near))
            for issue in error.issues
        ) from error


@transaction.atomic
def predict(*, actor: Actor, findings: Findings) -> Prediction:
    """A differential diagnosis for findings that belong to no stored case."""
    actor.require(Capability.PREDICTION_CREATE)
    prediction = _predict(actor, findings, None)
    _record(actor, prediction, None)
    return prediction


@transaction.atomic
def predict_case(*, actor: Actor, case_id: UUID) -> Prediction:
    """A differential diagnosis for a case as it stands now. Raises Forbidden without the patient's consent to care."""
    actor.require(Capability.PREDICTION_CREATE)
    case = get_case(actor=actor, case_id=case_id)
    if not has_consent(patient_id=case.patient_id, purpose=Consent.Purpose.CARE):
        raise Forbidden(_("The patient has not consented to care, so no prediction may be made."))
    prediction = _predict(actor, findings_of(case), case)
    _record(actor, prediction, case)
    return prediction


@transaction.atomic
def enter_and_predict(*, actor: Actor, new: NewCase) -> Prediction:
    """Enter a case and predict it as one act with one event: for imports, where the two are never apart."""
    actor.require(Capability.PREDICTION_CREATE)
    case = enter_case(actor=actor, new=new)
    prediction = _predict(actor, Findings(new.present, new.absent, new.age, new.sex), case)
    _record(actor, prediction, case)
    return prediction


def findings_of(case: Case) -> Findings:
    """The engine's input for a stored case."""
    present, absent = split_findings(case.findings.all())
    return Findings(present, absent, case.age, case.patient.sex)


def _predict(actor: Actor, findings: Findings, case: Case | None) -> Prediction:
    if actor.user_id is None or actor.organisation_id is None:
        raise Denied("prediction.create", "prediction")
    running = running_model()
    query = _resolve(running, findings)
    answer = running.predictor.predict(query, top=LISTED)
    prediction = Prediction(
        organisation_id=actor.organisation_id,
        case=case,
        requested_by_id=actor.user_id,
        token_id=actor.token_id,
        model=running.model,
        model_hash=running.model.artefact_hash,
        input={
            "present": list(query.present),
            "absent": list(query.absent),
            "age": findings.age or None,
            "sex": query.sex,
        },
        output={"ranking": [[ranked.id, ranked.probability] for ranked in answer.ranking]},
        notices=[
            {"code": notice.code, "finding": notice.finding, "detail": notice.detail}
            for notice in query.notices
        ],
        latency_ms=answer.seconds * 1000,
    )
    prediction.save(force_insert=True)
    return prediction


def _record(actor: Actor, prediction: Prediction, case: Case | None) -> None:
    record_event(
        actor=actor,
        action="prediction.create",
        object_type="prediction",
        object_ids=[prediction.pk] + ([case.pk] if case else []),
        patient_ids=[case.patient_id] if case else [],
        details={"model": prediction.model.number, "artefact_hash": prediction.model_hash},
    )


@transaction.atomic
def explain(*, actor: Actor, prediction_id: UUID, disease_id: str) -> Explanation:
    """What speaks for and against one disease of a prediction, by the model that made it."""
    prediction = get_prediction(actor=actor, prediction_id=prediction_id)
    predictor = predictor_of(prediction.model)
    query = predictor.resolve(**prediction.input)
    try:
        explanation = predictor.explain(query, disease_id)
    except UnknownDisease as error:
        raise Denied("prediction.explain", "prediction", (prediction_id,)) from error
    read_predictions(actor=actor, predictions=[prediction], action="prediction.explain")
    return explanation


def read_predictions(*, actor: Actor, predictions: Iterable[Prediction], action: str) -> None:
    """Record that the actor was shown `predictions`."""
    rows = list(predictions)
    record_event(
        actor=actor,
        action=action,
        object_type="prediction",
        object_ids=[row.pk for row in rows],
        patient_ids=list(dict.fromkeys(row.case.patient_id for row in rows if row.case)),
    )


@transaction.atomic
def record_feedback(*, actor: Actor, prediction_id: UUID, disease_id: str | None) -> Feedback:
    """The confirmed diagnosis, or None for "none of these"; of a stored case it becomes the outcome, too."""
    actor.require(Capability.FEEDBACK_WRITE)
    prediction = get_prediction(actor=actor, prediction_id=prediction_id)
    if disease_id is not None and not Disease.objects.filter(pk=disease_id).exists():
        detail = _("No disease with this id is known; choose one from the list.")
        raise InvalidInput([FieldError("diagnosis", "unknown_disease", detail, disease_id)])
    if prediction.case_id is not None:
        enter_outcome(actor=actor, case_id=prediction.case_id, disease_id=disease_id)
    feedback = Feedback(prediction=prediction, disease_id=disease_id, recorded_by_id=actor.user_id)
    feedback.save(force_insert=True)
    record_event(
        actor=actor,
        action="feedback.create",
        object_type="prediction",
        object_ids=[prediction.pk] + ([prediction.case_id] if prediction.case_id else []),
        patient_ids=[prediction.case.patient_id] if prediction.case else [],
    )
    return feedback
