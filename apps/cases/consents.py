"""Consent: what patients are asked to agree to, and the acts by which they give it and take it back (ADR 28)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.cases.models import Case, Consent, ConsentText, Patient
from apps.cases.selectors import get_case
from apps.core.capabilities import Capability
from apps.core.problems import FieldError, InvalidInput


def list_texts() -> QuerySet[ConsentText]:
    """Every text that is in force, was, or will be; newest first. They say nothing of anybody."""
    return ConsentText.objects.order_by("-id")


def texts_in_force() -> dict[str, ConsentText]:
    """By purpose, the newest valid text in the reader's language, else in whatever language there is."""
    valid = ConsentText.objects.filter(valid_from__lte=timezone.now()).order_by("version")
    texts: dict[str, ConsentText] = {}
    for text in valid:
        known = texts.get(text.purpose)
        if known is None or known.version < text.version or text.language == get_language():
            texts[text.purpose] = text
    return texts


def list_acts(*, case: Case) -> QuerySet[Consent]:
    """The acts of the case's patient, newest first, with their texts and who recorded them."""
    acts = Consent.objects.filter(patient_id=case.patient_id).order_by("-id")
    return acts.select_related("text", "recorded_by")


def standing(acts: Iterable[Consent]) -> dict[str, bool]:
    """Whether consent holds, by purpose; `acts` newest first."""
    return dict.fromkeys(Consent.Purpose.values, False) | {
        act.purpose: act.is_given for act in reversed(list(acts))
    }


@dataclass(frozen=True, slots=True)
class PurposeState:
    """One purpose, as pages show it: the newest act on it, if there is one."""

    purpose: Consent.Purpose
    act: Consent | None

    @property
    def is_given(self) -> bool:
        return self.act is not None and self.act.is_given


def purposes_of(acts: Iterable[Consent]) -> list[PurposeState]:
    """Every purpose with its newest act; `acts` newest first."""
    newest: Mapping[str, Consent] = {act.purpose: act for act in reversed(list(acts))}
    return [PurposeState(purpose, newest.get(purpose)) for purpose in Consent.Purpose]


@transaction.atomic
def record_consent(
    *,
    actor: Actor,
    case_id: UUID,
    purpose: str,
    is_given: bool,
    channel: str = "",
    text_id: UUID | None = None,
) -> Consent:
    """Write down that the patient agrees to `purpose`, or does not or no longer does.

    `text_id` is what he was shown: a valid text of that purpose, by default the one in force in the reader's language.
    Who takes back takes back what he agreed to, so then it is the text of that act. Raises InvalidInput for another.
    """
    actor.require(Capability.CASE_WRITE)
    case = get_case(actor=actor, case_id=case_id, permission="change_case", even_restricted=True)
    given_before = list_acts(case=case).filter(purpose=purpose).first()
    if given_before is not None and given_before.is_given and not is_given:
        text = given_before.text
    else:
        text = _shown_text(purpose, text_id)
    act = Consent(
        patient=case.patient,
        purpose=purpose,
        is_given=is_given,
        channel=channel,
        text=text,
        recorded_by=actor.account(),
    )
    act.save(force_insert=True)
    record_event(
        actor=actor,
        action="consent.give" if is_given else "consent.withdraw",
        object_type="case",
        object_ids=[case.pk],
        patient_ids=[case.patient_id],
        purpose=purpose,
        details={"act": str(act.pk), "text": str(text.pk) if text else None, "channel": channel},
    )
    return act


def _shown_text(purpose: str, text_id: UUID | None) -> ConsentText | None:
    if text_id is None:
        return texts_in_force().get(purpose)
    valid = ConsentText.objects.filter(purpose=purpose, valid_from__lte=timezone.now())
    text = valid.filter(pk=text_id).first()
    if text is None:
        detail = _("No valid text of this purpose has this id.")
        raise InvalidInput([FieldError("text", "unknown_text", detail, str(text_id))])
    return text


def enter_consents(*, actor: Actor, patient: Patient, purposes: Iterable[str], channel: str) -> None:
    """Write what a new patient agrees to, by the texts in force, without an event of its own."""
    agreed = list(purposes)
    texts = texts_in_force() if agreed else {}
    Consent.objects.bulk_create(
        Consent(
            patient=patient,
            purpose=purpose,
            is_given=True,
            channel=channel,
            text=texts.get(purpose),
            recorded_by=actor.account(),
        )
        for purpose in agreed
    )


@transaction.atomic
def publish_text(*, actor: Actor, purpose: str, texts: Mapping[str, str], valid_from: datetime) -> int:
    """Add the next version of what patients are asked for one purpose, by language: its number.

    Acts that were recorded keep the text that they name, and hold on.
    """
    newest = ConsentText.objects.filter(purpose=purpose).aggregate(newest=Max("version"))["newest"]
    version = (newest or 0) + 1
    rows = ConsentText.objects.bulk_create(
        ConsentText(purpose=purpose, version=version, language=language, text=text, valid_from=valid_from)
        for language, text in texts.items()
    )
    record_event(
        actor=actor,
        action="consent_text.publish",
        object_type="consent_text",
        object_ids=[row.pk for row in rows],
        purpose=purpose,
        details={"version": version, "valid_from": valid_from.isoformat()},
    )
    return version


@transaction.atomic
def read_acts(*, actor: Actor, case: Case) -> None:
    """Record that the actor was shown what the patient agreed to."""
    record_event(
        actor=actor,
        action="consent.read",
        object_type="case",
        object_ids=[case.pk],
        patient_ids=[case.patient_id],
    )
