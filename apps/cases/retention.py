"""For how long an organisation keeps data (ADR 38)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from apps.cases.models import RetentionPolicy

FEWEST_DAYS, MOST_DAYS = 1, 36_500


@dataclass(frozen=True, slots=True)
class Limits:
    """Days that a case is kept after its last change, and a prediction without a case after it was made."""

    case_days: int
    prediction_days: int


def limits_of(*, organisation_id: UUID) -> Limits:
    """What the organisation set last; else what the installation's settings say."""
    newest = RetentionPolicy.objects.filter(organisation_id=organisation_id).first()
    if newest is None:
        return Limits(settings.RETENTION_DAYS, settings.RETENTION_DAYS)
    return Limits(newest.case_days, newest.prediction_days)


def retention_end(*, organisation_id: UUID) -> datetime:
    """Until when a case is kept that is changed now."""
    return timezone.now() + timedelta(days=limits_of(organisation_id=organisation_id).case_days)
