"""Raising alerts, and telling people of them."""

import hashlib
import hmac
import json
import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.alerts.models import MOST_ATTEMPTS, Alert, Channel, Delivery, Kind
from apps.alerts.rules import Finding, findings_in
from apps.alerts.selectors import addresses_of, channels, is_known
from apps.audit.models import Outcome
from apps.audit.origin import Nobody
from apps.audit.services import record_event
from apps.core.webhooks import post_json

logger = logging.getLogger(__name__)

_LOCK = 0x484F4F46_414C4552  # "HOOFALER": of all watchmen, one at a time
_FIRST_PAUSE = timedelta(seconds=15)
_LONGEST_PAUSE = timedelta(hours=1)


@transaction.atomic
def raise_alerts(*, organisation_id: UUID, now: datetime) -> int:
    """Raise what the trail of an organisation calls for and was not raised before; returns how many alerts."""
    with connection.cursor() as cursor:
        # Two at once would raise the same alert twice.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    found = list(findings_in(organisation_id, now))
    _resolve({finding.subject for finding in found}, organisation_id, now)
    new = [
        finding
        for finding in found
        if not is_known(finding=finding, organisation_id=organisation_id, now=now)
    ]
    for finding in new:
        _raise(finding, organisation_id, now)
    return len(new)


def _raise(finding: Finding, organisation_id: UUID, now: datetime) -> None:
    alert = Alert.objects.create(
        organisation_id=organisation_id,
        kind=finding.kind,
        account_id=finding.account_id,
        event_id=finding.event_id,
        n=finding.n,
        subject=finding.subject,
    )
    Delivery.objects.bulk_create(
        Delivery(alert=alert, channel=channel, due_at=now) for channel in channels(finding.kind)
    )
    record_event(
        actor=Nobody(organisation_id),
        action="alert.raise",
        object_type="alert",
        object_ids=[alert.pk],
        details={"kind": alert.kind, "n": alert.n},
    )


def _resolve(standing: set[str], organisation_id: UUID, now: datetime) -> None:
    """Close the alerts on checks of the running model that do not alarm any more."""
    over = Alert.objects.filter(
        organisation_id=organisation_id, kind=Kind.MONITORING, resolved_at__isnull=True
    ).exclude(subject__in=standing)
    over.update(resolved_at=now)


def deliver_due(*, now: datetime) -> int:
    """Try each delivery that is due once, in the organisation in whose scope this is called; returns how many worked.

    What failed is due again later and later, for about a day.
    """
    waiting = Delivery.objects.filter(delivered_at=None, due_at__lte=now, attempts__lt=MOST_ATTEMPTS)
    due = list(waiting.values_list("pk", flat=True))
    return sum(_deliver(delivery_id, now) for delivery_id in due)


@transaction.atomic
def _deliver(delivery_id: UUID, now: datetime) -> bool:
    rows = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).select_related("alert")
    delivery = rows.filter(
        pk=delivery_id, delivered_at=None, due_at__lte=now, attempts__lt=MOST_ATTEMPTS
    ).first()
    if delivery is None:
        return False
    delivery.attempts += 1
    delivery.error = ""
    try:
        _send(delivery)
    except OSError as error:  # SMTP's errors are such, too
        # Not its text, which may repeat an address or a secret of the receiver's URL.
        delivery.error = type(error).__name__
        delivery.due_at = now + min(_FIRST_PAUSE * 2 ** min(delivery.attempts - 1, 10), _LONGEST_PAUSE)
        logger.warning("alert %s: %s failed: %s", delivery.alert_id, delivery.channel, delivery.error)
        if delivery.is_given_up:
            logger.error("alert %s: %s is given up", delivery.alert_id, delivery.channel)
    else:
        delivery.delivered_at = timezone.now()
    delivery.save()
    record_event(
        actor=Nobody(delivery.alert.organisation_id),
        action="alert.deliver",
        outcome=Outcome.FAILED if delivery.error else Outcome.OK,
        object_type="alert",
        object_ids=[delivery.alert_id],
        details={"channel": delivery.channel, "attempt": delivery.attempts},
    )
    return not delivery.error


def _send(delivery: Delivery) -> None:
    if delivery.channel == Channel.EMAIL:
        _send_email(delivery.alert)
    else:
        _post(delivery.alert)


def _post(alert: Alert) -> None:
    body = json.dumps(alert.body(), separators=(",", ":")).encode()
    # The receiver knows by its id an alert that came twice, because a crash kept us from noting the first time.
    headers = {"Idempotency-Key": str(alert.pk)}
    if settings.ALERT_WEBHOOK_KEY:
        signature = hmac.new(settings.ALERT_WEBHOOK_KEY.encode(), body, hashlib.sha256).hexdigest()
        headers["X-Hoofbeat-Signature"] = f"sha256={signature}"
    post_json(settings.ALERT_WEBHOOK, body, headers)


def _send_email(alert: Alert) -> None:
    addresses = addresses_of(alert=alert)
    if not addresses:
        raise OSError("nobody has an address")
    lines = [f"{name}: {value}" for name, value in alert.body().items() if value is not None]
    EmailMessage(
        subject=_("Hoofbeat alert: %(kind)s") % {"kind": alert.get_kind_display()},
        body="\n".join(lines),
        # Recipients need not know of one another.
        bcc=addresses,
        headers={"Message-ID": f"<{alert.pk}@hoofbeat>"},
    ).send()
