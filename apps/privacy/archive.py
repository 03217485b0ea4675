"""A patient's own data, all of it, for him to have and to take elsewhere (GDPR art. 15 and 20; ADR 35)."""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.selectors import get_actor
from apps.audit.services import record_event
from apps.cases.models import Patient
from apps.core.capabilities import Capability
from apps.core.encryption import Undecipherable
from apps.core.identifiers import NOWHERE
from apps.core.jobs import UNFINISHED, JobState, only_worker
from apps.core.problems import Conflict, Denied
from apps.privacy.access_report import accesses_in, read_accesses
from apps.privacy.archive_content import collect, pack
from apps.privacy.models import AccessArchive

logger = logging.getLogger(__name__)

MOST_ACCESSES = 100_000


@transaction.atomic
def request_archive(*, actor: Actor, patient_id: UUID, language: str) -> AccessArchive:
    """Write an archive down for the workers. Raises Denied, or Conflict while one of this patient is being made."""
    actor.require(Capability.PRIVACY_EXPORT)
    patient = Patient.objects.select_for_update(of=("self",)).filter(
        pk=patient_id, organisation_id=actor.scope
    ).first()  # fmt: skip
    if patient is None:
        raise Denied("archive.request", "patient", (patient_id,))
    if AccessArchive.objects.filter(patient=patient, state__in=UNFINISHED).exists():
        raise Conflict(_("An archive of this patient is being made already."))
    archive = AccessArchive.objects.create(
        organisation_id=patient.organisation_id,
        patient=patient,
        requested_by_id=actor.user_id,
        language=language,
    )
    record_event(
        actor=actor,
        action="archive.request",
        object_type="archive",
        object_ids=[archive.pk],
        patient_ids=[patient.pk],
    )
    return archive


def run_archive(*, archive_id: UUID) -> None:
    """Make an archive that waits. Idempotent; what fails says so and may be asked for again."""
    with only_worker(archive_id) as may_work:
        archive = AccessArchive.objects.filter(pk=archive_id).select_related("patient__key").first()
        if not may_work or archive is None or archive.state not in UNFINISHED:
            return
        archive.begin()
        try:
            with override(archive.language):
                _make(archive)
        except Exception as error:
            # Its type alone: what an error says may repeat a row.
            logger.error("archive %s could not be made: %s", archive_id, type(error).__name__)
            archive.finish(error=type(error).__name__)


def _make(archive: AccessArchive) -> None:
    archive.report(10, "gathering")
    actor = get_actor(user=User.objects.get(pk=archive.requested_by_id or NOWHERE))
    with transaction.atomic():
        patient = Patient.objects.get(pk=archive.patient_id)
        events = read_accesses(actor=actor, patient_id=patient.pk, action="archive.create", with_names=False)
        newest = events.order_by("-sequence")[:MOST_ACCESSES]
        accesses = [
            access.as_json() | {"at": access.at.isoformat(), "event": str(access.event)}
            for access in accesses_in(actor=actor, events=newest, with_names=False)
        ]
        data = collect(patient, made_at=timezone.now().isoformat(timespec="seconds"), accesses=accesses)
    archive.report(60, "packing")
    packed = pack(data)
    with transaction.atomic():
        # Nobody may renew the key between reading it and storing what is sealed under it.
        archive.patient = Patient.objects.select_for_update(of=("self",)).get(pk=archive.patient_id)
        archive.content = packed
        archive.expires_at = timezone.now() + timedelta(days=settings.ARCHIVE_DAYS)
        archive.finish()


@transaction.atomic
def open_archive(*, actor: Actor, archive_id: UUID) -> bytes:
    """The zip itself. Raises Denied, and Conflict when it is not made yet, has expired or can be opened no longer."""
    archive = get_archive(actor=actor, archive_id=archive_id, action="archive.download")
    if archive.state != JobState.SUCCEEDED:
        raise Conflict(_("The archive is not made yet."))
    if archive.is_expired:
        raise Conflict(_("The archive has expired; make another one."))
    try:
        content = archive.content
    except Undecipherable:
        raise Conflict(_("The patient’s key was renewed since; make another archive.")) from None
    record_event(
        actor=actor,
        action="archive.download",
        object_type="archive",
        object_ids=[archive.pk],
        patient_ids=[archive.patient_id],
    )
    return content


def get_archive(*, actor: Actor, archive_id: UUID, action: str = "archive.read") -> AccessArchive:
    """One archive of the actor's organisation; raises Denied."""
    actor.require(Capability.PRIVACY_EXPORT)
    rows = AccessArchive.objects.select_related("patient__key")
    archive = rows.filter(pk=archive_id, organisation_id=actor.scope).first()
    if archive is None:
        raise Denied(action, "archive", (archive_id,))
    return archive


@transaction.atomic
def read_archive(*, actor: Actor, archive_id: UUID) -> AccessArchive:
    """How far an archive is; the look leaves a trace. Raises Denied."""
    archive = get_archive(actor=actor, archive_id=archive_id)
    record_event(
        actor=actor,
        action="archive.read",
        object_type="archive",
        object_ids=[archive.pk],
        patient_ids=[archive.patient_id],
    )
    return archive


def forget_expired_archives() -> int:
    """Delete the content of the expired archives of the organisation in whose scope this is called; how many."""
    expired = AccessArchive.objects.filter(expires_at__lte=timezone.now()).exclude(sealed_content=b"")
    return expired.update(sealed_content=b"")
