"""Asking the engine, and telling it what turned out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.cases.consents import record_consent
from apps.cases.models import Case, Consent, Sex
from apps.cases.selectors import get_case, require_care, split_findings
from apps.cases.services import (
    NewCase,
    change_case,
    confirmed_disease,
    create_case,
    enter_case,
    enter_outcome,
    lock_case,
)
from apps.core.capabilities import Capability
from apps.core.problems import Denied, FieldError, Forbidden, InvalidInput, Unavailable
from apps.knowledge.selectors import labels_of
from apps.predictions.calls import counting_calls
from apps.predictions.models import Feedback, Prediction
from apps.predictions.output import ask_engine, canonical
from apps.predictions.priors import CLINIC, PREVALENCE, chosen_prior, stored_prior
from apps.predictions.selectors import get_prediction
from apps.predictions.shadow import queue_shadow_score
from apps.registry.running import Running, answering_model, predictor_of, running_model
from ml.serving import Explanation, Notice, Predictor, PriorBasis, Query, UnknownDisease
from ml.serving import InvalidInput as EngineInvalidInput

LISTED = 100
MOST_SIMILAR = 6


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a disease has its place: what its findings add, and what its weight before any finding rests on.

    `shared` are the labels of what the nearest cases share with the patient, by id; `ids` are all that mean the
    disease; `prior` is a name; `n_own` counts the organisation's own patients with the disease, where the prior is
    made of them; `similar` are other diseases, those of its group in the list first.
    """

    prediction: Prediction
    explanation: Explanation
    shared: Mapping[str, str]
    ids: tuple[str, ...]
    prior: str
    basis: PriorBasis
    n_own: int | None
    similar: tuple["Similar", ...]


@dataclass(frozen=True, slots=True)
class Similar:
    """A disease like another one; `bond` is "gene FBN1", the name of a series, or "" where only findings are alike.

    `rank` is its place in the list, or None.
    """

    id: str
    name: str
    bond: str
    rank: int | None


@dataclass(frozen=True, slots=True)
class Findings:
    """The engine's input: HPO ids, an ISO 8601 duration, a sex."""

    present: Sequence[str] = ()
    absent: Sequence[str] = ()
    age: str | None = None
    sex: str | None = None
    uncertain: Sequence[str] = ()


def resolve_findings(*, findings: Findings) -> tuple[Running, Query]:
    """The input as the running model understands it. Raises InvalidInput with everything that is wrong."""
    running = running_model()
    return running, _resolve(running, findings)


def resolve_to_answer(*, findings: Findings, case: Case | None) -> tuple[Running, Query]:
    """The same for the model that answers the case, or the request that has none.

    Raises Unavailable while predictions are stopped.
    """
    request = str(case.pk) if case else canonical(asdict(findings))
    running = answering_model(request=request)
    return running, _resolve(running, findings)


def _resolve(running: Running, findings: Findings, *, may_be_empty: bool = False) -> Query:
    try:
        return running.predictor.resolve(
            present=list(findings.present),
            absent=list(findings.absent),
            age=findings.age or None,
            sex=findings.sex or None,
            uncertain=list(findings.uncertain),
            may_be_empty=may_be_empty,
        )
    except EngineInvalidInput as error:
        raise InvalidInput(
            FieldError(issue.field, issue.code, issue.detail, issue.value or "", tuple(issue.near))
            for issue in error.issues
        ) from error


@counting_calls()
@transaction.atomic
def predict(*, actor: Actor, findings: Findings, prior: str | None = None) -> Prediction:
    """A differential diagnosis for findings that belong to no stored case.

    `prior` is a name (`priors.available_priors`), or None for that of the organisation.
    """
    actor.require(Capability.PREDICTION_CREATE)
    prediction = _predict(actor, findings, None, prior)
    _record(actor, prediction, None)
    return prediction


@counting_calls()
@transaction.atomic
def predict_case(*, actor: Actor, case_id: UUID, prior: str | None = None) -> Prediction:
    """A differential diagnosis for a case as it stands now; `prior` as in `predict`.

    Raises Forbidden without the patient's consent to care, and where his data are restricted.
    """
    actor.require(Capability.PREDICTION_CREATE)
    case = get_case(actor=actor, case_id=case_id)
    require_care(case)
    prediction = _predict(actor, findings_of(case), case, prior)
    _record(actor, prediction, case)
    return prediction


@counting_calls()
@transaction.atomic
def enter_and_predict(*, actor: Actor, new: NewCase) -> Prediction:
    """Enter a case and predict it as one act with one event: for imports, where the two are never apart.

    Raises Forbidden without the patient's consent to care.
    """
    actor.require(Capability.PREDICTION_CREATE)
    if not new.consents.get(Consent.Purpose.CARE):
        detail = _("The patient has not consented to care, so no prediction may be made.")
        raise Forbidden(detail, "prediction.create")
    case = enter_case(actor=actor, new=new)
    prediction = _predict(
        actor, Findings(new.present, new.absent, new.age, new.sex, new.uncertain), case, None
    )
    _record(actor, prediction, case)
    return prediction


def check_case(*, findings: Findings) -> Query:
    """The content of a case as the running model understands it; it may have no finding yet.

    Raises InvalidInput with everything that is wrong.
    """
    query = _resolve(running_model(), findings, may_be_empty=True)
    current = [*query.present, *query.absent, *query.uncertain]
    # The model may have been trained on another release than the one that is loaded.
    unknown = sorted(set(current) - labels_of(term_ids=current).keys())
    if unknown:
        detail = _("This term is not in the knowledge that is loaded; choose a more general one.")
        raise InvalidInput(FieldError("findings", "unknown_finding", detail, term_id) for term_id in unknown)
    return query


@transaction.atomic
def enter_checked_case(*, actor: Actor, new: NewCase) -> tuple[Case, tuple[Notice, ...]]:
    """Enter a case whose findings may still be anything: (the case, what was put right)."""
    query = check_case(findings=Findings(new.present, new.absent, new.age, new.sex, new.uncertain))
    checked = replace(
        new,
        present=query.present,
        absent=query.absent,
        uncertain=query.uncertain,
        sex=query.sex or Sex.UNKNOWN.value,
    )
    return create_case(actor=actor, new=checked), query.notices


@transaction.atomic
def change_checked_case(
    *,
    actor: Actor,
    case_id: UUID,
    age: str | None,
    sex: str | None,
    present: Sequence[str] | None,
    absent: Sequence[str] | None,
    uncertain: Sequence[str] | None,
    consents: Mapping[str, bool],
    consent_channel: str,
) -> tuple[Case, tuple[Notice, ...]]:
    """Change what is not None: (the case, what was put right). The case must be sound as a whole afterwards.

    Writes one event for the change of the case, and one for each consent that is given or withdrawn.
    """
    lock_case(actor=actor, case_id=case_id)
    before = findings_of(get_case(actor=actor, case_id=case_id))
    query = check_case(
        findings=Findings(
            before.present if present is None else present,
            before.absent if absent is None else absent,
            before.age if age is None else age,
            before.sex if sex is None else sex,
            before.uncertain if uncertain is None else uncertain,
        )
    )
    has_findings = any(listed is not None for listed in (present, absent, uncertain))
    if has_findings or age is not None or sex is not None:
        change_case(
            actor=actor,
            case_id=case_id,
            age=age,
            sex=None if sex is None else query.sex,
            present=query.present if has_findings else None,
            absent=query.absent if has_findings else None,
            uncertain=query.uncertain if has_findings else None,
        )
    for purpose, is_given in consents.items():
        record_consent(
            actor=actor, case_id=case_id, purpose=purpose, is_given=is_given, channel=consent_channel
        )
    return get_case(actor=actor, case_id=case_id), query.notices


def weighs_uncertain() -> bool:
    """Whether the running model makes anything of uncertain findings; also True where none runs to be asked."""
    try:
        return running_model().predictor.weighs_uncertain
    except Unavailable:
        return True


def findings_of(case: Case) -> Findings:
    """The engine's input for a stored case."""
    present, absent, uncertain = split_findings(case.findings.all())
    return Findings(present, absent, case.age, case.patient.sex, uncertain)


def is_outdated_by_its_case(*, prediction: Prediction) -> bool:
    """Whether its case, if it has one, says something else by now."""
    if prediction.case_id is None:
        return False
    case = (
        Case.objects.filter(pk=prediction.case_id)
        .select_related("patient")
        .prefetch_related("findings")
        .first()
    )
    return case is not None and is_outdated(prediction=prediction, case=case)


def is_outdated(*, prediction: Prediction, case: Case) -> bool:
    """Whether findings, age or sex of the case changed since `prediction` was made."""
    findings = findings_of(case)
    try:
        _running, query = resolve_findings(findings=findings)
    except InvalidInput:
        return True
    except Unavailable:
        return False
    then = prediction.input
    now = (set(query.present), set(query.absent), set(query.uncertain), findings.age or None, query.sex)
    stated = (set(then["present"]), set(then["absent"]), set(then.get("uncertain", ())))
    return now != (*stated, then["age"], then["sex"])


def _predict(actor: Actor, findings: Findings, case: Case | None, prior: str | None) -> Prediction:
    if actor.user_id is None or actor.organisation_id is None:
        raise Denied("prediction.create", "prediction")
    running, query = resolve_to_answer(findings=findings, case=case)
    choice = chosen_prior(actor=actor, predictor=running.predictor, name=prior)
    output, seconds = ask_engine(running.predictor, query, choice, LISTED)
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
            "uncertain": list(query.uncertain),
            "age": findings.age or None,
            "sex": query.sex,
        },
        output=output,
        notices=[
            {"code": notice.code, "finding": notice.finding, "detail": notice.detail}
            for notice in query.notices
        ],
        latency_ms=seconds * 1000,
    )
    prediction.save(force_insert=True)
    queue_shadow_score(prediction)
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
def explain(*, actor: Actor, prediction_id: UUID, disease_id: str) -> Explained:
    """What speaks for and against one disease of a prediction, by the model and the prior that made it."""
    prediction = get_prediction(actor=actor, prediction_id=prediction_id)
    predictor = predictor_of(prediction.model)
    query = predictor.resolve(**prediction.input)
    prior = stored_prior(prediction.output.get("prior"))
    try:
        explanation = predictor.explain(query, disease_id, prior=prior.for_engine(predictor))
    except UnknownDisease as error:
        raise Denied("prediction.explain", "prediction", (prediction_id,)) from error
    read_predictions(actor=actor, predictions=[prediction], action="prediction.explain")
    return Explained(
        prediction,
        explanation,
        {
            term_id: predictor.vocabulary.label(term_id)
            for case in explanation.nearest_cases
            for term_id in case.shared
        },
        predictor.ids_of(explanation.disease_id),
        prior.name,
        # What is not counted in the clinic's own mix follows prevalence.
        predictor.prior_basis(explanation.disease_id, PREVALENCE if prior.name == CLINIC else prior.name),
        prior.count_of(predictor, explanation.disease_id),
        _similar(prediction, predictor, explanation),
    )


def _similar(prediction: Prediction, predictor: Predictor, explanation: Explanation) -> tuple[Similar, ...]:
    """The other members of a disease's group in the list, then those that its model calls alike."""
    ranks = {row[0]: rank for rank, row in enumerate(prediction.output["ranking"], start=1)}
    own = explanation.disease_id
    bonds = {
        member: group["label"]
        for group in prediction.output.get("groups", ())
        if own in group["members"]
        for member in group["members"]
        if member != own
    }
    for other in explanation.about.similar:
        bonds.setdefault(other.id, other.bond)
    return tuple(
        Similar(identity, predictor.candidates[identity], bond, ranks.get(identity))
        for identity, bond in list(bonds.items())[:MOST_SIMILAR]
    )


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
    disease = confirmed_disease(disease_id)
    if prediction.case_id is not None:
        enter_outcome(actor=actor, case_id=prediction.case_id, disease_id=disease.pk if disease else None)
    feedback = Feedback(prediction=prediction, disease=disease, recorded_by_id=actor.account().pk)
    feedback.save(force_insert=True)
    record_event(
        actor=actor,
        action="feedback.create",
        object_type="prediction",
        object_ids=[prediction.pk] + ([prediction.case_id] if prediction.case_id else []),
        patient_ids=[prediction.case.patient_id] if prediction.case else [],
    )
    return feedback
