"""Reading alerts, and who is told."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.alerts.models import Alert, Channel, Kind
from apps.alerts.rules import Finding
from apps.core.capabilities import Capability
from apps.core.identifiers import first_uuid7
from apps.lifecycle.monitoring_selectors import current_policy


def list_alerts(*, actor: Actor) -> QuerySet[Alert]:
    """The alerts of the actor's organisation, newest first."""
    if not actor.can(Capability.EMERGENCY_REVIEW):
        return Alert.objects.none()
    return Alert.objects.filter(organisation_id=actor.scope).prefetch_related("deliveries")


def is_known(*, finding: Finding, organisation_id: UUID, now: datetime) -> bool:
    """Whether there is an alert of it: of that event, or of that subject, or of that kind and account within
    `ALERT_QUIET_MINUTES`.
    """
    if finding.subject:
        return Alert.objects.filter(
            kind=finding.kind, organisation_id=organisation_id, subject=finding.subject
        ).exists()
    if finding.event_id is not None:
        return Alert.objects.filter(event_id=finding.event_id).exists()
    return Alert.objects.filter(
        kind=finding.kind,
        organisation_id=organisation_id,
        account_id=finding.account_id,
        id__gte=first_uuid7(now - timedelta(minutes=settings.ALERT_QUIET_MINUTES)),
    ).exists()


def channels(kind: Kind) -> list[Channel]:
    """The ways that the settings name; of the running model, as far as the policy of monitoring wants them."""
    by_email, by_webhook = bool(settings.EMAIL_HOST), bool(settings.ALERT_WEBHOOK)
    if kind == Kind.MONITORING:
        policy = current_policy()
        by_email, by_webhook = by_email and policy.tells_by_email, by_webhook and policy.tells_by_webhook
    return [Channel.EMAIL] * by_email + [Channel.WEBHOOK] * by_webhook


def addresses_of(*, alert: Alert) -> list[str]:
    """Whom an e-mail goes to: the privacy officers of the organisation; of failing sealing its administrators,
    of a changed trail its auditors as well; of the running model data scientists and administrators alone; and
    `ALERT_EMAILS`.
    """
    told = [Capability.EMERGENCY_REVIEW.value]
    if alert.kind == Kind.MONITORING:
        told = [Capability.MODEL_TRAIN.value, Capability.ADMIN_ACCESS.value]
    if alert.kind == Kind.SEALING:
        told.append(Capability.ADMIN_ACCESS.value)
    if alert.kind == Kind.INTEGRITY:
        told.append(Capability.AUDIT_READ.value)
    people = User.objects.filter(
        organisation_id=alert.organisation_id, is_active=True, groups__permissions__codename__in=told
    )
    return sorted({*people.exclude(email="").values_list("email", flat=True), *settings.ALERT_EMAILS})
