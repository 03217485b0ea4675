"""Reading the trail."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from apps.audit.models import (
    AnchoredBlock,
    AuditEvent,
    Block,
    Outcome,
    PendingEvent,
    SealerState,
    Verification,
)
from apps.audit.origin import Origin
from apps.core.jobs import UNFINISHED
from apps.core.problems import Denied

_BATCH = 2000


def list_events(*, actor: Origin) -> QuerySet[AuditEvent]:
    """The events of the actor's organisation, newest first."""
    return AuditEvent.objects.filter(organisation_id=actor.scope)


def events_about(*, actor: Origin, patient_id: UUID, refused: Iterable[UUID] = ()) -> QuerySet[AuditEvent]:
    """The events that name the patient, newest first, and what was refused of the objects `refused`.

    Those of the organisation; where it had to do with the patient, also those of the system itself, which belong to no
    organisation, such as a deletion in time. Refusals of before the database
    named whose data they asked for (privacy.0007) have the objects alone.
    """
    about = Q(patient_ids__contains=[patient_id])
    scope = Q(organisation_id=actor.scope)
    if list_events(actor=actor).filter(about).exists():
        scope |= Q(organisation_id=None)
    if refused := list(refused):
        about |= Q(outcome=Outcome.DENIED, object_ids__overlap=refused)
    return AuditEvent.objects.filter(scope, about)


def in_batches(*, events: QuerySet[AuditEvent], most: int) -> Iterator[list[AuditEvent]]:
    """The newest `most` events from now on backwards, some thousand at a time, outside of any transaction."""
    last: int | None = None
    while most > 0:
        older = events if last is None else events.filter(sequence__lt=last)
        rows = list(older.order_by("-sequence")[: min(most, _BATCH)])
        if not rows:
            return
        yield rows
        last = rows[-1].sequence
        most -= len(rows)


def names_of_actors(*, actor: Origin, events: Iterable[AuditEvent]) -> dict[UUID | None, str]:
    """User names by id, as they are now, for those accounts of the organisation that still exist.

    The trail itself holds ids alone, so this app, which stands below the accounts, knows them as Django's user model.
    """
    ids = {event.actor_id for event in events if event.actor_id}
    accounts = get_user_model()._default_manager.filter(pk__in=ids, organisation_id=actor.scope)
    return dict(accounts.values_list("pk", "username"))


def user_id_of(*, actor: Origin, username: str) -> UUID | None:
    """The id of an account of the organisation by its user name."""
    accounts = get_user_model()._default_manager.filter(username=username, organisation_id=actor.scope)
    return accounts.values_list("pk", flat=True).first()


def get_event(*, actor: Origin, event_id: UUID) -> AuditEvent:
    """One event of the actor's organisation; raises Denied when there is none."""
    event = list_events(actor=actor).filter(id=event_id).first()
    if event is None:
        raise Denied("audit.proof", "audit", (event_id,))
    return event


@dataclass(frozen=True, slots=True)
class Sealing:
    """How sealing is. `problem`: "" or `failing`, `silent` (not looked for a while), `never` (not looked yet)."""

    last: Block | None
    n_waiting: int
    n_unanchored: int
    looked_at: datetime | None
    error: str
    problem: str

    @property
    def sealed_at(self) -> datetime | None:
        return datetime.fromisoformat(self.last.sealed_at) if self.last else None


def sealing_problem(*, now: datetime) -> str:
    """`Sealing.problem`: whether the sealer says so, or has not looked for `ALERT_SEALING_SECONDS`."""
    return _problem(SealerState.objects.first(), now)


def _problem(state: SealerState | None, now: datetime) -> str:
    oldest = now - timedelta(seconds=settings.ALERT_SEALING_SECONDS)
    if state is not None:
        return "failing" if state.error else "silent" if state.looked_at < oldest else ""
    first = AuditEvent.objects.order_by("sequence").values_list("occurred_at", flat=True).first()
    return "never" if first is not None and first < oldest else ""


def get_sealing(*, now: datetime) -> Sealing:
    """How the sealing of the whole installation's trail is."""
    state = SealerState.objects.first()
    last = Block.objects.order_by("-number").first()
    anchored = AnchoredBlock.objects.order_by("-number").values_list("number", flat=True).first() or 0
    return Sealing(
        last=last,
        n_waiting=PendingEvent.objects.count(),
        n_unanchored=(last.number if last else 0) - anchored,
        looked_at=state.looked_at if state else None,
        error=state.error if state else "",
        problem=_problem(state, now),
    )


def count_unsealed() -> int:
    """How many events wait to be sealed."""
    return PendingEvent.objects.count()


def list_verifications() -> QuerySet[Verification]:
    """All verifications, newest first; they belong to the installation."""
    return Verification.objects.all()


def count_findings() -> int:
    """How many findings the last verification that came to a result had."""
    results = Verification.objects.filter(result__isnull=False).order_by("-id")
    return int(results.values_list("result__n_findings", flat=True).first() or 0)


def unfinished_verifications() -> QuerySet[Verification]:
    """Those that wait, or whose worker may have died."""
    return Verification.objects.filter(state__in=UNFINISHED)
