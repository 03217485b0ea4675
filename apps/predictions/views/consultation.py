"""The consultation: a case's findings, and its differential diagnosis with what speaks for and against each disease."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.selectors import list_colleagues, people_of
from apps.cases.consents import list_acts, purposes_of, standing
from apps.cases.forms import colleague_choices, look_up_finding
from apps.cases.models import STATES, Case
from apps.cases.selectors import consents_of, get_case, list_care_team, list_unknown
from apps.cases.services import forget_unknown, read_cases, remove_finding, set_finding
from apps.core.capabilities import Capability
from apps.core.problems import FieldError, InvalidInput
from apps.knowledge.selectors import labels_of, resolve_terms
from apps.predictions.differential import TOP, differential_of, diseases_of, past_of, reasons_of
from apps.predictions.models import Prediction
from apps.predictions.output import prior_of
from apps.predictions.priors import prior_choices, usable_prior
from apps.predictions.questions import UNKNOWN, answer_question, questions_beside_list
from apps.predictions.selectors import list_predictions
from apps.predictions.services import explain, is_outdated, predict_case, weighs_uncertain

MOST_PAST = 20
# What a form says of a finding, as it is stored; anything else means present.
IS_PRESENT = {word: is_present for is_present, word in STATES.items()}


def differential_context(view: CapabilityRequired, case: Case, past: list[Prediction]) -> dict[str, Any]:
    """What the right column shows: the newest prediction of `past`, and the lines of all."""
    names, usual = prior_choices(actor=view.actor)
    diseases = diseases_of(
        [(row, TOP) for row in past[1:]] + [(row, len(row.output["ranking"])) for row in past[:1]]
    )
    return (
        {
            "case": case,
            "differential": differential_of(past[0], diseases) if past else None,
            "past": past_of(
                past, diseases, people_of(actor=view.actor, user_ids=[row.requested_by_id for row in past])
            ),
            "is_outdated": bool(past) and is_outdated(prediction=past[0], case=case),
            "priors": names,
            "default_prior": usual,
            "prior": prior_of(past[0]) if past else "",
        }
        | states_context(case)
        | (questions_context(view, case, prior_of(past[0])) if past else {})
    )


def questions_context(view: CapabilityRequired, case: Case, prior: str) -> dict[str, Any]:
    """What to ask next in a case as it stands, and what was asked for in vain."""
    unknown = list_unknown(case=case)
    return {
        "prior": prior,
        "questions": questions_beside_list(
            actor=view.actor, case=case, prior=prior, unknown=[term_id for term_id, _label in unknown]
        ),
        "unknown": unknown,
    }


def past_predictions(view: CapabilityRequired, case: Case, n: int = MOST_PAST) -> list[Prediction]:
    return list(list_predictions(actor=view.actor).filter(case_id=case.pk)[:n])


def findings_context(view: CapabilityRequired, case: Case) -> dict[str, Any]:
    """What the left column shows after a change of findings, and whether the list is still that of the case."""
    past = past_predictions(view, case, 1)
    return {
        "case": case,
        "differential": past[0] if past else None,
        "is_outdated": bool(past) and is_outdated(prediction=past[0], case=case),
        "prior": prior_of(past[0]) if past else "",
    } | states_context(case)


def states_context(case: Case) -> dict[str, Any]:
    """Whether there is something to rank by, and whether uncertain findings will change nothing."""
    states = {finding.state for finding in case.findings.all()}
    return {
        "has_present": "present" in states,
        "ignores_uncertain": "uncertain" in states and not weighs_uncertain(),
    }


class Consultation(CapabilityRequired, View):
    """One case: findings on the left, the differential diagnosis on the right."""

    capability = Capability.CASE_READ

    @transaction.atomic
    def get(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = get_case(actor=self.actor, case_id=case_id)
        read_cases(actor=self.actor, cases=[case], action="case.read")
        team = list(list_care_team(case=case))
        acts = list(list_acts(case=case))
        colleagues = list_colleagues(actor=self.actor, capability=Capability.CASE_READ).exclude(
            pk__in=[member.pk for member in team]
        )
        in_emergency = bool(case.emergency_until) and request.user not in team  # type: ignore[attr-defined]
        context = differential_context(self, case, past_predictions(self, case)) | {
            "consents": standing(acts),
            "consent_rows": purposes_of(acts),
            "acts": acts,
            "team": team,
            "colleagues": colleague_choices(colleagues),
            # Nothing is offered that would be refused: an emergency lets him read and predict, a restriction read.
            "in_emergency": in_emergency,
            "read_only": in_emergency or case.is_restricted,  # type: ignore[attr-defined]
        }
        return render(request, "consultation/page.html", context)


class FindingAct(CapabilityRequired, View):
    """Base of the acts on one finding: the answer is the list of findings, or the whole page without JavaScript."""

    capability = Capability.CASE_WRITE
    http_method_names = ["post"]

    def answer(self, request: HttpRequest, case: Case, **more: Any) -> HttpResponse:
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("predictions:consultation", case.pk)
        context = findings_context(self, case) | {"saved_at": timezone.now()}
        return render(request, "consultation/findings_saved.html", context | more)


class SetFinding(FindingAct):
    """Adds a finding, chosen or typed, or changes whether it is present."""

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        found = self._finding(
            request.POST.get("finding", ""), request.POST.get("finding_text", "").strip()[:200]
        )
        if isinstance(found, FieldError):
            # Only the name typed is judged, which tells nothing about the case.
            context = {"error": found, "case_id": case_id}
            answer = render(request, "consultation/finding_problem.html", context, status=422)
            answer["HX-Retarget"] = "#finding-problem"
            return answer
        is_present = IS_PRESENT.get(request.POST.get("state", ""), True)
        case = set_finding(actor=self.actor, case_id=case_id, term_id=found, is_present=is_present)
        return self.answer(request, case)

    def _finding(self, term_id: str, text: str) -> str | FieldError:
        if term_id:
            known = resolve_terms(term_ids=[term_id])
            return (
                known[term_id].pk
                if term_id in known
                else FieldError("findings", "unknown_finding", "", term_id)
            )
        found = look_up_finding(text)
        return found if isinstance(found, FieldError) else found.id


class RemoveFinding(FindingAct):
    """Takes a finding off, and offers to put it back."""

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        term_id = request.POST.get("finding", "")
        case = remove_finding(actor=self.actor, case_id=case_id, term_id=term_id)
        removed = {
            "id": term_id,
            "label": labels_of(term_ids=[term_id]).get(term_id, term_id),
            "state": STATES[IS_PRESENT.get(request.POST.get("state", ""), True)],
        }
        return self.answer(request, case, removed=removed)


class Predict(CapabilityRequired, View):
    """Asks the engine, and shows its answer."""

    capability = Capability.PREDICTION_CREATE
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        prior = usable_prior(actor=self.actor, name=request.POST.get("prior", ""))
        predict_case(actor=self.actor, case_id=case_id, prior=prior)
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("predictions:consultation", case_id)
        case = get_case(actor=self.actor, case_id=case_id)
        context = differential_context(self, case, past_predictions(self, case)) | {
            "consents": consents_of(patient_id=case.patient_id),
            "is_new": True,
        }
        return render(request, "consultation/predicted.html", context)


class AnswerQuestion(CapabilityRequired, View):
    """Records the answer to a question; after yes and no it shows the new list, after "not known" other questions."""

    capability = Capability.PREDICTION_CREATE
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        term_id, answer = request.POST.get("finding", ""), request.POST.get("answer", "")
        known = resolve_terms(term_ids=[term_id])
        if term_id not in known:
            raise InvalidInput([FieldError("findings", "unknown_finding", "", term_id[:40])])
        prior = usable_prior(actor=self.actor, name=request.POST.get("prior", ""))
        answer_question(
            actor=self.actor, case_id=case_id, term_id=known[term_id].pk, answer=answer, prior=prior
        )
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("predictions:consultation", case_id)
        case = get_case(actor=self.actor, case_id=case_id)
        past = past_predictions(self, case)
        context: dict[str, Any] = {"answered": True, "saved_at": timezone.now(), "case": case}
        if answer == UNKNOWN:
            asked = questions_context(self, case, prior_of(past[0]) if past else "")
            response = render(request, "consultation/unknown_saved.html", context | asked)
            response["HX-Reswap"] = "none"  # the list stays; the parts name their places
            return response
        context |= differential_context(self, case, past) | {
            "consents": consents_of(patient_id=case.patient_id)
        }
        return render(request, "consultation/answered.html", context)


class AskAgain(CapabilityRequired, View):
    """Takes a finding off those that were asked for in vain."""

    capability = Capability.CASE_WRITE
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = forget_unknown(actor=self.actor, case_id=case_id, term_id=request.POST.get("finding", "")[:20])
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("predictions:consultation", case_id)
        past = past_predictions(self, case, 1)
        context = {"answered": True, "saved_at": timezone.now(), "case": case} | questions_context(
            self, case, prior_of(past[0]) if past else ""
        )
        return render(request, "consultation/unknown_saved.html", context)


class DiseaseReasons(CapabilityRequired, View):
    """What speaks for and against one disease of a list: a part of the page, or a page without JavaScript."""

    capability = Capability.PREDICTION_READ

    def get(self, request: HttpRequest, prediction_id: UUID, disease_id: str) -> HttpResponse:
        explained = explain(actor=self.actor, prediction_id=prediction_id, disease_id=disease_id)
        context = {"reasons": reasons_of(explained), "prediction_id": prediction_id}
        template = "consultation/reasons.html" if request.htmx else "consultation/reasons_page.html"  # type: ignore[attr-defined]
        return render(request, template, context)
