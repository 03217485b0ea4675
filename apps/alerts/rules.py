"""What should alarm somebody, in the audit trail and of the running model."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count

from apps.alerts.models import Kind
from apps.audit.models import AuditEvent, Outcome
from apps.audit.selectors import count_findings, sealing_problem
from apps.core.identifiers import first_uuid7
from apps.lifecycle.monitoring_selectors import standing_alarms

# An emergency access that nobody was told of for so long (the workers were down) is told of when they are back.
_EMERGENCIES_OF = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is met, as an `Alert` says it."""

    kind: Kind
    account_id: UUID | None = None
    event_id: UUID | None = None
    n: int = 0
    subject: str = ""


def findings_in(organisation_id: UUID, now: datetime) -> Iterator[Finding]:
    """What is met by the events of one organisation, or by what works for all: sealer, verification, running model."""
    # Ids are ordered by time and indexed; the time itself is not.
    since = first_uuid7(now - timedelta(minutes=settings.ALERT_WINDOW_MINUTES))
    events = AuditEvent.objects.filter(organisation_id=organisation_id).order_by()
    denials = events.filter(id__gte=since, outcome=Outcome.DENIED).values_list("actor_id")
    for account_id, n in denials.annotate(n=Count("pk")).filter(n__gte=settings.ALERT_DENIALS):
        yield Finding(Kind.DENIALS, account_id, n=n)
    for account_id, n in _readers(organisation_id, since):
        yield Finding(Kind.READING, account_id, n=n)
    opened = events.filter(
        id__gte=first_uuid7(now - _EMERGENCIES_OF), action="emergency.open", outcome=Outcome.OK
    )
    for account_id, event_id in opened.values_list("actor_id", "id"):
        yield Finding(Kind.EMERGENCY, account_id, event_id)
    if sealing_problem(now=now):
        yield Finding(Kind.SEALING)
    if n := count_findings():
        yield Finding(Kind.INTEGRITY, n=n)
    for alarm in standing_alarms():
        yield Finding(Kind.MONITORING, subject=alarm.episode)


def _readers(organisation_id: UUID, since: UUID) -> list[tuple[UUID, int]]:
    """(account, number of patients) of those who were shown as many as `ALERT_PATIENTS`; entering a case shows none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT actor_id, count(DISTINCT patient) FROM audit_auditevent, unnest(patient_ids) AS patient "
            "WHERE organisation_id = %s AND id >= %s AND outcome = %s AND actor_id IS NOT NULL "
            "AND action <> 'case.create' GROUP BY actor_id HAVING count(DISTINCT patient) >= %s",
            [organisation_id, since, Outcome.OK, settings.ALERT_PATIENTS],
        )
        return cursor.fetchall()
