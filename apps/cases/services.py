"""Entering and changing cases."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.selectors import list_colleagues
from apps.audit.services import record_event
from apps.cases.consents import enter_consents
from apps.cases.models import (
    Case,
    CaseUserObjectPermission,
    Finding,
    Outcome,
    Patient,
    PatientKey,
    UnknownFinding,
)
from apps.cases.pseudonyms import clean_pseudonym, has_unseen
from apps.cases.retention import retention_end
from apps.cases.selectors import get_case, list_cases, person_of
from apps.core.capabilities import Capability
from apps.core.problems import Denied, FieldError, InvalidInput
from apps.knowledge.models import Disease
from apps.knowledge.selectors import find_disease

PERSON_COLUMNS = ["sealed_name", "sealed_identifier", "identifier_index", "sealed_contact"]


@dataclass(frozen=True, slots=True)
class NewCase:
    """What makes a case. Findings are HPO ids that the knowledge holds; `age` is an ISO 8601 duration or empty."""

    pseudonym: str
    sex: str = "unknown"
    age: str = ""
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    consents: Mapping[str, bool] = field(default_factory=dict)
    consent_channel: str = ""


@transaction.atomic
def create_case(*, actor: Actor, new: NewCase) -> Case:
    """Enter a case; whoever enters it is its care team. Raises InvalidInput for a pseudonym that is taken."""
    case = enter_case(actor=actor, new=new)
    record_event(
        actor=actor,
        action="case.create",
        object_type="case",
        object_ids=[case.pk],
        patient_ids=[case.patient_id],
    )
    return case


def enter_case(*, actor: Actor, new: NewCase) -> Case:
    """Write the rows of a new case without an event of its own, for acts that record a wider one."""
    actor.require(Capability.CASE_WRITE)
    if actor.user is None or actor.organisation_id is None:
        raise Denied("case.create", "case")
    patient = Patient(organisation_id=actor.organisation_id, sex=new.sex)
    patient.pseudonym = clean_pseudonym(new.pseudonym)
    try:
        with transaction.atomic():
            patient.save(force_insert=True)
    except IntegrityError as error:
        detail = _("A patient of your organisation has this pseudonym already; choose another one.")
        raise InvalidInput([FieldError("pseudonym", "taken", detail, new.pseudonym)]) from error
    enter_consents(
        actor=actor,
        patient=patient,
        purposes=[purpose for purpose, is_given in new.consents.items() if is_given],
        channel=new.consent_channel,
    )
    case = Case(
        patient=patient,
        organisation_id=actor.organisation_id,
        age=new.age,
        created_by=actor.user,
        retain_until=retention_end(organisation_id=actor.organisation_id),
    )
    case.save(force_insert=True)
    grant_access(case=case, user=actor.user)
    _write_findings(actor, case, new.present, new.absent, new.uncertain)
    return case


def _write_findings(
    actor: Actor, case: Case, present: Iterable[str], absent: Iterable[str], uncertain: Iterable[str]
) -> None:
    rows: list[tuple[str, bool | None]] = [(term_id, True) for term_id in present]
    rows += [(term_id, False) for term_id in absent]
    rows += [(term_id, None) for term_id in uncertain]
    Finding.objects.bulk_create(
        Finding(case=case, term_id=term_id, is_present=is_present, recorded_by=actor.account())
        for term_id, is_present in rows
    )


def grant_access(*, case: Case, user: User) -> None:
    """Make `user` a member of the care team. Idempotent."""
    permissions = Permission.objects.filter(
        content_type__app_label="cases", codename__in=["view_case", "change_case"], content_type__model="case"
    )
    CaseUserObjectPermission.objects.bulk_create(
        [
            CaseUserObjectPermission(content_object=case, user=user, permission=permission)
            for permission in permissions
        ],
        ignore_conflicts=True,
    )


def lock_case(*, actor: Actor, case_id: UUID) -> None:
    """Let nobody else change the case until the caller's transaction ends, so that what is read next still holds."""
    allowed = list_cases(actor=actor, permission="change_case").filter(pk=case_id).order_by().values("pk")
    if not Case.objects.select_for_update().filter(pk__in=allowed).values("pk").first():
        raise Denied("case.change", "case", (case_id,))


@transaction.atomic
def change_case(
    *,
    actor: Actor,
    case_id: UUID,
    age: str | None = None,
    sex: str | None = None,
    present: Iterable[str] | None = None,
    absent: Iterable[str] | None = None,
    uncertain: Iterable[str] | None = None,
) -> Case:
    """Change what is given; `present`, `absent` or `uncertain` replace all findings of that state."""
    actor.require(Capability.CASE_WRITE)
    lock_case(actor=actor, case_id=case_id)
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    if sex is not None:
        case.patient.sex = sex
        case.patient.save(update_fields=["sex"])
    if age is not None:
        case.age = age
    for is_present, term_ids in ((True, present), (False, absent), (None, uncertain)):
        if term_ids is not None:
            case.findings.filter(is_present=is_present).delete()
    _write_findings(actor, case, present or (), absent or (), uncertain or ())
    _touch(case)
    record_event(
        actor=actor,
        action="case.change",
        object_type="case",
        object_ids=[case.pk],
        patient_ids=[case.patient_id],
    )
    return get_case(actor=actor, case_id=case_id)


@transaction.atomic
def change_person(*, actor: Actor, case_id: UUID, values: Mapping[str, str]) -> Case:
    """Change who the patient is, as far as given: `name`, `identifier`, `contact`, and the case's `note`.

    The event names the fields that changed, and never what stands in them. Raises InvalidInput for a record number
    that nobody could type again, because something in it cannot be seen.
    """
    actor.require(Capability.CASE_WRITE)
    lock_case(actor=actor, case_id=case_id)
    # What is sealed below must not meet a key that is just being renewed.
    key = PatientKey.objects.select_for_update(of=("self",)).filter(patient__cases=case_id).first()
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    if key is not None:
        case.patient.key = key
    changed = sorted(name for name, text in person_of(case).items() if values.get(name, text).strip() != text)
    if "identifier" in changed and has_unseen(values["identifier"].strip()):
        detail = _("A medical record number has printable characters only.")
        raise InvalidInput([FieldError("identifier", "unseen_character", detail)])
    for name in changed:
        setattr(case if name == "note" else case.patient, name, values[name].strip())
    case.patient.save(update_fields=PERSON_COLUMNS)
    case.save(update_fields=["sealed_note"])
    _touch(case)
    record_event(
        actor=actor,
        action="person.change",
        object_type="case",
        object_ids=[case.pk],
        patient_ids=[case.patient_id],
        details={"fields": changed},
    )
    return case


@transaction.atomic
def set_finding(*, actor: Actor, case_id: UUID, term_id: str, is_present: bool | None) -> Case:
    """Add a finding, or change whether it is present (None: uncertain). The term must exist."""
    case = enter_finding(actor=actor, case_id=case_id, term_id=term_id, is_present=is_present)
    return _finding_changed(actor, case, "case.finding.set")


def enter_finding(*, actor: Actor, case_id: UUID, term_id: str, is_present: bool | None) -> Case:
    """As `set_finding`, without an event of its own, for acts that record a wider one."""
    actor.require(Capability.CASE_WRITE)
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    Finding.objects.update_or_create(
        case=case, term_id=term_id, defaults={"is_present": is_present, "recorded_by": actor.account()}
    )
    case.unknown_findings.filter(term_id=term_id).delete()
    _touch(case)
    return case


@transaction.atomic
def set_findings(*, actor: Actor, case_id: UUID, states: Mapping[str, bool | None]) -> Case:
    """Add several findings as one act (term id -> as in `set_finding`); those there already change. Terms exist."""
    actor.require(Capability.CASE_WRITE)
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    account = actor.account()
    Finding.objects.bulk_create(
        (
            Finding(case=case, term_id=term_id, is_present=is_present, recorded_by=account)
            for term_id, is_present in states.items()
        ),
        update_conflicts=True,
        unique_fields=["case", "term"],
        update_fields=["is_present", "recorded_by"],
    )
    case.unknown_findings.filter(term_id__in=list(states)).delete()
    _touch(case)
    return _finding_changed(actor, case, "case.finding.set")


@transaction.atomic
def set_unknown(*, actor: Actor, case_id: UUID, term_id: str) -> Case:
    """Write down that a finding was asked for and could not be told. The term must exist. Idempotent."""
    actor.require(Capability.CASE_WRITE)
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    UnknownFinding.objects.bulk_create(
        [UnknownFinding(case=case, term_id=term_id, recorded_by=actor.account())], ignore_conflicts=True
    )
    _touch(case)
    return _finding_changed(actor, case, "case.finding.unknown")


@transaction.atomic
def forget_unknown(*, actor: Actor, case_id: UUID, term_id: str) -> Case:
    """Let a finding be asked for again. Idempotent."""
    actor.require(Capability.CASE_WRITE)
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    case.unknown_findings.filter(term_id=term_id).delete()
    _touch(case)
    return _finding_changed(actor, case, "case.finding.ask_again")


@transaction.atomic
def remove_finding(*, actor: Actor, case_id: UUID, term_id: str) -> Case:
    """Take a finding off the case. Idempotent."""
    actor.require(Capability.CASE_WRITE)
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    case.findings.filter(term_id=term_id).delete()
    _touch(case)
    return _finding_changed(actor, case, "case.finding.remove")


def _finding_changed(actor: Actor, case: Case, action: str) -> Case:
    record_event(
        actor=actor, action=action, object_type="case", object_ids=[case.pk], patient_ids=[case.patient_id]
    )
    return get_case(actor=actor, case_id=case.pk)


def _touch(case: Case) -> None:
    # Retention counts from the last change, so a case that is worked on is not deleted under its clinician's hands.
    case.retain_until = retention_end(organisation_id=case.organisation_id)
    case.save(update_fields=["age", "retain_until", "updated_at"])


@transaction.atomic
def share_case(*, actor: Actor, case_id: UUID, user_id: UUID) -> User:
    """Take a colleague of the same organisation, who may read cases, into the care team."""
    actor.require(Capability.CASE_WRITE)
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    colleague = list_colleagues(actor=actor, capability=Capability.CASE_READ).filter(pk=user_id).first()
    if colleague is None:
        raise Denied("case.share", "case", (case_id,))
    grant_access(case=case, user=colleague)
    record_event(
        actor=actor,
        action="case.share",
        object_type="case",
        object_ids=[case.pk],
        patient_ids=[case.patient_id],
        details={"user": str(colleague.pk)},
    )
    return colleague


@transaction.atomic
def record_outcome(*, actor: Actor, case_id: UUID, disease_id: str | None) -> Outcome:
    """The confirmed diagnosis, or None for "none of these"."""
    case, outcome = enter_outcome(actor=actor, case_id=case_id, disease_id=disease_id)
    record_event(
        actor=actor,
        action="case.outcome",
        object_type="case",
        object_ids=[case.pk],
        patient_ids=[case.patient_id],
    )
    return outcome


def enter_outcome(*, actor: Actor, case_id: UUID, disease_id: str | None) -> tuple[Case, Outcome]:
    """Write the outcome's row without an event of its own, for acts that record a wider one."""
    actor.require(Capability.FEEDBACK_WRITE)
    case = get_case(actor=actor, case_id=case_id, permission="change_case")
    outcome = Outcome(case=case, disease=confirmed_disease(disease_id), recorded_by=actor.account())
    outcome.save(force_insert=True)
    return case, outcome


def confirmed_disease(disease_id: str | None) -> Disease | None:
    """The disease of an outcome, by any of its ids; None for "none of these". Raises InvalidInput."""
    if disease_id is None:
        return None
    disease = find_disease(disease_id=disease_id)
    if disease is None:
        detail = _("No disease with this id is known; choose one from the list.")
        raise InvalidInput([FieldError("diagnosis", "unknown_disease", detail, disease_id)])
    return disease


def delete_case(*, actor: Actor, case: Case) -> None:
    """Delete a case with all that hangs on it, and its patient when it was his last. The caller records the act."""
    patient = case.patient
    case.delete()
    if not patient.cases.exists():
        # The acts of consent go with the key alone.
        PatientKey.objects.filter(patient=patient).delete()
        patient.delete()


def read_cases(*, actor: Actor, cases: list[Case], action: str) -> None:
    """Record that the actor was shown `cases`."""
    record_event(
        actor=actor,
        action=action,
        object_type="case",
        object_ids=[case.pk for case in cases],
        patient_ids=[case.patient_id for case in cases],
    )
