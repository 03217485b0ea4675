"""Reading cases: only those whose care team the actor belongs to, in his own organisation."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import CharField, Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.cases.models import (
    Case,
    CaseUserObjectPermission,
    Consent,
    EmergencyAccess,
    Finding,
    Hold,
    Outcome,
    Patient,
    identifier_index,
    pseudonym_index,
)
from apps.core.capabilities import Capability
from apps.core.problems import Denied, Forbidden


def list_cases(*, actor: Actor, permission: str = "view_case") -> QuerySet[Case]:
    """The cases on which the actor holds `permission`; none at all without the capability to read cases.

    To see them he may also have opened them in an emergency: then `emergency_until` says when that ends.
    """
    if not actor.can(Capability.CASE_READ):
        return Case.objects.none()
    allowed: QuerySet[Any] = CaseUserObjectPermission.objects.filter(
        user_id=actor.person, permission__codename=permission
    ).values("content_object_id")
    emergencies = open_emergencies(actor=actor)
    if permission == "view_case" and actor.can(Capability.EMERGENCY_OPEN):
        # A union and not an `or`: so both halves are read by their index.
        allowed = allowed.union(
            Case.objects.filter(patient__emergencies__in=emergencies).order_by().values("pk")
        )
    until = emergencies.filter(patient_id=OuterRef("patient_id")).values("expires_at")[:1]
    return (
        Case.objects.filter(pk__in=allowed, organisation_id=actor.scope)
        .annotate(emergency_until=Subquery(until))
        .select_related("patient__key")
        .annotate(diagnosis_id=_newest_outcome("disease_id"), diagnosis=_newest_outcome("disease__name"))
        .annotate(has_outcome=Exists(Outcome.objects.filter(case_id=OuterRef("pk"))))
        .annotate(is_restricted=Exists(restrictions().filter(patient_id=OuterRef("patient_id"))))
    )


def standing_holds() -> QuerySet[Hold]:
    """Legal holds and restrictions that nobody has lifted: nothing of these patients is deleted."""
    return Hold.objects.filter(lifted_at=None)


def restrictions() -> QuerySet[Hold]:
    """Restrictions of processing (GDPR art. 18) that nobody has lifted: of these patients nothing is used."""
    return standing_holds().filter(kind=Hold.Kind.RESTRICTION)


def unrestricted(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Those of `cases` whose patients' data may be used, also for what leaves the system."""
    return cases.exclude(Exists(restrictions().filter(patient_id=OuterRef("patient_id"))))


def open_emergencies(*, actor: Actor) -> QuerySet[EmergencyAccess]:
    """The emergency access that the actor has now, by the clock of the database's transaction.

    The trigger that writes it down as the purpose of his events goes by the same clock.
    """
    return EmergencyAccess.objects.filter(
        user_id=actor.person, organisation_id=actor.scope, expires_at__gt=Now()
    )


def _newest_outcome(field: str) -> Subquery:
    newest = Outcome.objects.filter(case_id=OuterRef("pk")).order_by("-id").values(field)[:1]
    # As text, for a foreign key could not be searched.
    return Subquery(newest, output_field=CharField())


def search_cases(
    *, actor: Actor, text: str = "", sex: str = "", outcome: str = "", identifier: str = ""
) -> QuerySet[Case]:
    """The actor's cases, newest first, narrowed by `text`, a sex, `open` or `closed`, a medical record number.

    `text` is a whole pseudonym, a whole medical record number, or part of a diagnosis; `identifier` a whole number.
    """
    cases = list_cases(actor=actor)
    if identifier:
        cases = cases.filter(patient__identifier_index=identifier_index(actor.scope, identifier))
    if text := text.replace("\0", "").strip():
        cases = cases.filter(
            named(actor=actor, text=text, path="patient__")
            | Q(diagnosis__icontains=text)
            | Q(diagnosis_id__iexact=text)
        )
    if sex:
        cases = cases.filter(patient__sex=sex)
    if outcome in {"open", "closed"}:
        cases = cases.filter(Q(has_outcome=outcome == "closed"))
    return cases


def named(*, actor: Actor, text: str, path: str) -> Q:
    """Patients of the actor's organisation whose pseudonym or medical record number reads as `text`.

    `path` leads from the rows in question to the patient, as in "case__patient__".
    """
    return Q(**{f"{path}pseudonym_index": pseudonym_index(actor.scope, text)}) | Q(
        **{f"{path}identifier_index": identifier_index(actor.scope, text)}
    )


def get_case(
    *, actor: Actor, case_id: UUID, permission: str = "view_case", even_restricted: bool = False
) -> Case:
    """One case with its findings; raises Denied when there is none that the actor may see or change.

    Raises Forbidden when it is to be changed and the patient's data are restricted, but for `even_restricted`: what
    the patient himself may say at any time.
    """
    findings = Prefetch("findings", Finding.objects.select_related("term"))
    case = (
        list_cases(actor=actor, permission=permission).filter(pk=case_id).prefetch_related(findings).first()
    )
    if case is None:
        raise Denied("case.read" if permission == "view_case" else "case.change", "case", (case_id,))
    if permission == "change_case" and not even_restricted:
        refuse_restricted(case, "case.change")
    return case


def refuse_restricted(case: Case, action: str) -> None:
    """Raise Forbidden when processing of the patient's data is restricted; `case` as `list_cases` finds it."""
    if vars(case)["is_restricted"]:
        detail = _("Processing of this patient’s data is restricted: they are kept, and nothing else.")
        raise Forbidden(detail, action, "case", (case.pk,))


def require_care(case: Case) -> None:
    """Raise Forbidden unless the data of the case may be used for care; `case` as `list_cases` finds it."""
    refuse_restricted(case, "prediction.create")
    if not has_consent(patient_id=case.patient_id, purpose=Consent.Purpose.CARE):
        detail = _("The patient has not consented to care, so no prediction may be made.")
        raise Forbidden(detail, "prediction.create", "case", (case.pk,))


def may_care(case: Case) -> bool:
    """Whether `require_care` lets it be."""
    try:
        require_care(case)
    except Forbidden:
        return False
    return True


def person_of(case: Case) -> dict[str, str]:
    """Who the patient of a case is, as far as somebody entered it, and the case's note; "" for what nobody did."""
    patient = case.patient
    return {
        "name": patient.name,
        "identifier": patient.identifier,
        "contact": patient.contact,
        "note": case.note,
    }


def same_identifier(*, actor: Actor, case: Case) -> tuple[int, list[Case]]:
    """How many other patients of the organisation have the medical record number of the case's patient.

    With those of their cases that the actor may see, newest first, at most 20.
    """
    index = case.patient.identifier_index
    if index is None:
        return 0, []
    others = Patient.objects.filter(organisation_id=actor.scope, identifier_index=index)
    n_others = others.exclude(pk=case.patient_id).count()
    if not n_others:
        return 0, []
    cases = list_cases(actor=actor).filter(patient__identifier_index=index)
    return n_others, list(cases.exclude(patient_id=case.patient_id)[:20])


def has_consent(*, patient_id: UUID, purpose: Consent.Purpose) -> bool:
    """Whether the newest word of the patient on `purpose` is yes."""
    newest = Consent.objects.filter(patient_id=patient_id, purpose=purpose).order_by("-id").first()
    return newest is not None and newest.is_given


def consenting(cases: QuerySet[Case], *, purpose: Consent.Purpose) -> QuerySet[Case]:
    """Those of `cases` whose patients' newest word on `purpose` is yes; silence is none.

    For whatever serves a purpose with many cases at once: training takes `TRAINING`, the de-identified export
    `RESEARCH`. It restricts further what the caller may see, and never widens it; restricted data are not among them.
    """
    newest = Consent.objects.filter(patient_id=OuterRef("patient_id"), purpose=purpose).order_by("-id")
    return unrestricted(cases).annotate(agrees=Subquery(newest.values("is_given")[:1])).filter(agrees=True)


def all_consent(*, patient_ids: Iterable[UUID], purpose: Consent.Purpose) -> bool:
    """Whether each of these patients is still there, agrees to `purpose`, and is not restricted."""
    ids = set(patient_ids)
    agreeing = consenting(Case.objects.filter(patient_id__in=ids), purpose=purpose)
    return agreeing.order_by().values("patient_id").distinct().count() == len(ids)


def consents_of(*, patient_id: UUID) -> dict[str, bool]:
    """Whether consent holds, by purpose."""
    rows = Consent.objects.filter(patient_id=patient_id).order_by("id").values_list("purpose", "is_given")
    return dict.fromkeys(Consent.Purpose.values, False) | dict(rows)


def list_care_team(*, case: Case) -> QuerySet[User]:
    """The accounts that may see `case`."""
    members = CaseUserObjectPermission.objects.filter(content_object=case, permission__codename="view_case")
    return User.objects.filter(pk__in=members.values("user_id")).order_by("last_name", "username")


def taken_pseudonyms(*, actor: Actor) -> set[bytes]:
    """`pseudonym_index` of all that are taken in the actor's organisation, for those who may enter cases."""
    if not actor.can(Capability.CASE_WRITE):
        return set()
    patients = Patient.objects.filter(organisation_id=actor.scope)
    return {bytes(index) for index in patients.values_list("pseudonym_index", flat=True)}


def split_findings(findings: Iterable[Finding]) -> tuple[list[str], list[str], list[str]]:
    """(present, absent, uncertain) term ids."""
    states: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for finding in findings:
        states[finding.is_present].append(finding.term_id)
    return states[True], states[False], states[None]


def list_unknown(*, case: Case) -> list[tuple[str, str]]:
    """(term id, label) of what was asked for in a case and could not be told, oldest first."""
    return list(case.unknown_findings.values_list("term_id", "term__label"))


def confirmed_cases() -> QuerySet[Case]:
    """Cases with a confirmed disease whose patient agrees to model training: what a retraining may learn from.

    Those of the organisation in whose scope this is called.
    For the scheduled retraining, which acts for no person and takes no more than findings, age, sex and label.
    """
    return (
        consenting(Case.objects.all(), purpose=Consent.Purpose.TRAINING)
        .annotate(diagnosis_id=_newest_outcome("disease_id"), diagnosis=_newest_outcome("disease__name"))
        .filter(diagnosis_id__isnull=False)
        .select_related("patient")
        .prefetch_related("findings")
        .order_by("id")
    )


def which_cases(*, ids: Collection[UUID]) -> set[UUID]:
    """Those of `ids` that are cases of the organisation in whose scope this is called.

    For work that no person asked for, and no more than whose they are: so it can be measured whether a model serves one
    organisation worse.
    """
    return set(Case.objects.filter(pk__in=ids).values_list("pk", flat=True))


def research_cases(*, actor: Actor) -> QuerySet[Case]:
    """The organisation's cases whose patients agree to research, oldest first, each with its newest outcome.

    For the de-identified export, whose maker is in no care team and is shown no case.
    """
    actor.require(Capability.PRIVACY_RESEARCH)
    newest = Outcome.objects.filter(case_id=OuterRef("pk")).order_by("-id").values("created_at")[:1]
    return (
        consenting(Case.objects.filter(organisation_id=actor.scope), purpose=Consent.Purpose.RESEARCH)
        .annotate(diagnosis_id=_newest_outcome("disease_id"), diagnosis=_newest_outcome("disease__name"))
        .annotate(confirmed_at=Subquery(newest))
        .order_by("id")
    )


def count_confirmed(*, actor: Actor) -> dict[str, int]:
    """Number of the organisation's cases by confirmed disease: no more than counts, for those who choose the prior."""
    actor.require(Capability.PRIOR_WRITE)
    rows = (
        unrestricted(Case.objects.filter(organisation_id=actor.scope))
        .annotate(diagnosis_id=_newest_outcome("disease_id"))
        .filter(diagnosis_id__isnull=False)
        .values_list("diagnosis_id")
        .annotate(n=Count("pk"))
        .order_by("diagnosis_id")
    )
    return dict(rows)
