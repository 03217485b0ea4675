"""What to ask next, and what the answer does."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.cases.models import Case
from apps.cases.selectors import get_case, list_unknown, may_care, require_care
from apps.cases.services import enter_finding, set_unknown
from apps.core.capabilities import Capability
from apps.core.problems import FieldError, InvalidInput, Unavailable
from apps.predictions.priors import chosen_prior
from apps.predictions.services import Findings, findings_of, predict_case, resolve_to_answer
from ml.serving import Predictor, Question

ASKED = 5
PRESENT, ABSENT, UNKNOWN = "present", "absent", "unknown"
ANSWERS = (PRESENT, ABSENT, UNKNOWN)


@transaction.atomic
def next_questions(
    *,
    actor: Actor,
    findings: Findings,
    prior: str | None = None,
    limit: int = ASKED,
    unknown: Sequence[str] = (),
    costs: Mapping[str, float] | None = None,
) -> tuple[Question, ...]:
    """The findings that would tell most about a patient of no stored case, best first.

    `unknown` (HPO ids) were asked for in vain and are left out; `costs` gives what asking for a finding costs, 1 where
    it gives none. Raises InvalidInput.
    """
    actor.require(Capability.PREDICTION_CREATE)
    questions = _ask(actor, findings, None, prior, limit, unknown, costs)
    _record(actor, None)
    return questions


@transaction.atomic
def next_questions_of_case(
    *,
    actor: Actor,
    case_id: UUID,
    prior: str | None = None,
    limit: int = ASKED,
    unknown: Sequence[str] = (),
    costs: Mapping[str, float] | None = None,
) -> tuple[Question, ...]:
    """The same for a stored case, without what was asked for in vain before.

    Raises Forbidden without the patient's consent to care.
    """
    actor.require(Capability.PREDICTION_CREATE)
    case = get_case(actor=actor, case_id=case_id)
    require_care(case)
    known = [term_id for term_id, _label in list_unknown(case=case)]
    questions = _ask(actor, findings_of(case), case, prior, limit, [*unknown, *known], costs)
    _record(actor, case)
    return questions


def questions_beside_list(
    *, actor: Actor, case: Case, prior: str, unknown: Collection[str]
) -> tuple[Question, ...]:
    """The questions beside a case's list; none where nothing can be asked now. The event of the page covers them."""
    if not may_care(case):
        return ()
    try:
        return _ask(actor, findings_of(case), case, prior, ASKED, [], None, unknown)
    except (InvalidInput, Unavailable):
        return ()


@transaction.atomic
def answer_question(*, actor: Actor, case_id: UUID, term_id: str, answer: str, prior: str | None) -> None:
    """Record an answer; after "present" and "absent" the list is made anew, which is one act with one event.

    Raises InvalidInput for another answer, Forbidden without consent to care.
    """
    if answer == UNKNOWN:
        set_unknown(actor=actor, case_id=case_id, term_id=term_id)
    elif answer in ANSWERS:
        enter_finding(actor=actor, case_id=case_id, term_id=term_id, is_present=answer == PRESENT)
        predict_case(actor=actor, case_id=case_id, prior=prior)
    else:
        detail = _("Answer present, absent or unknown.")
        raise InvalidInput([FieldError("answer", "unknown_answer", detail, answer[:20])])


def _ask(
    actor: Actor,
    findings: Findings,
    case: Case | None,
    prior: str | None,
    limit: int,
    unknown: Sequence[str],
    costs: Mapping[str, float] | None,
    known_unknown: Collection[str] = (),
) -> tuple[Question, ...]:
    running, query = resolve_to_answer(findings=findings, case=case)
    predictor = running.predictor
    choice = chosen_prior(actor=actor, predictor=predictor, name=prior)
    return predictor.ask_next(
        query,
        limit=limit,
        prior=choice.for_engine(predictor),
        costs=_current(predictor, costs) if costs else None,
        # What an earlier model could ask for, this one may not know.
        skip={*_checked(predictor, unknown), *_phenotypes(predictor, known_unknown).values()},
    )


def _phenotypes(predictor: Predictor, term_ids: Iterable[str]) -> dict[str, str]:
    """What the model knows of `term_ids`: each to the current id of the finding that it stands for."""
    current = ((term_id, predictor.vocabulary.current(term_id)) for term_id in term_ids)
    return {
        given: found
        for given, found in current
        if found is not None and predictor.vocabulary.is_phenotype(found)
    }


def _checked(predictor: Predictor, term_ids: Sequence[str]) -> list[str]:
    known = _phenotypes(predictor, term_ids)
    errors = [
        FieldError(
            f"unknown[{number}]",
            "unknown_finding",
            _("This is not a finding of the terminology."),
            given[:40],
        )
        for number, given in enumerate(term_ids)
        if given not in known
    ]
    if errors:
        raise InvalidInput(errors)
    return list(known.values())


def _current(predictor: Predictor, costs: Mapping[str, float]) -> dict[str, float]:
    """Costs by current id; those of terms that the model does not know change nothing."""
    known = _phenotypes(predictor, costs)
    return {known[term_id]: cost for term_id, cost in costs.items() if term_id in known}


def _record(actor: Actor, case: Case | None) -> None:
    record_event(
        actor=actor,
        action="prediction.ask",
        object_type="case" if case else "prediction",
        object_ids=[case.pk] if case else [],
        patient_ids=[case.patient_id] if case else [],
    )
