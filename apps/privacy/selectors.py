"""Reading retention runs, and what is due."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.cases.models import Case
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.privacy.models import RetentionRun


def list_retention_runs(*, actor: Actor) -> QuerySet[RetentionRun]:
    """The runs of the actor's organisation, newest first."""
    if not actor.can(Capability.PRIVACY_READ):
        return RetentionRun.objects.none()
    return RetentionRun.objects.filter(organisation_id=actor.scope)


def unfinished_retention_runs() -> QuerySet[RetentionRun]:
    """Runs of the organisation in whose scope this is called that wait, or whose worker may have died."""
    return RetentionRun.objects.filter(state__in=UNFINISHED)


def expired_cases(*, organisation_id: UUID) -> QuerySet[Case]:
    """The cases of an organisation that are past their retention, longest due first."""
    due = Case.objects.filter(retain_until__lte=timezone.now(), organisation_id=organisation_id)
    return due.order_by("retain_until")


def count_expired(*, actor: Actor) -> int:
    """How many cases of the actor's organisation are due."""
    if not actor.can(Capability.PRIVACY_READ):
        return 0
    return expired_cases(organisation_id=actor.scope).count()
