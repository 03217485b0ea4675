"""Calls for a prediction that ended without one, counted by the hour in the cache.

What failed was rolled back, so it leaves no row; and whoever sends nonsense shall not fill a table. Losing the counts
loses nothing that is needed for care.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from apps.core.problems import InvalidInput, Problem, Unavailable

logger = logging.getLogger(__name__)

# Refused: the input cannot be used. Failed: the service could not answer, whatever the input.
REFUSED, FAILED = "refused", "failed"
_KEPT = timedelta(days=40)
_HOUR = timedelta(hours=1)


@contextmanager
def counting_calls() -> Iterator[None]:
    """Counts how what is inside fails; who may not call at all is in the audit trail."""
    try:
        yield
    except InvalidInput:
        _count(REFUSED)
        raise
    except Unavailable:
        _count(FAILED)
        raise
    except Problem:
        raise
    except Exception:
        _count(FAILED)
        raise


def _count(outcome: str) -> None:
    keys = {_of_hour(outcome, timezone.now()): _KEPT.total_seconds(), _total(outcome): None}
    try:
        for key, seconds in keys.items():
            cache.add(key, 0, seconds)
            cache.incr(key)
    except (RedisError, ValueError):
        logger.warning("a call that was %s could not be counted", outcome)


def calls_between(since: datetime, until: datetime) -> dict[str, int]:
    """How many were refused and how many failed in the hours from `since` to `until`; the last 40 days are known."""
    hour = max(since, until - _KEPT).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = []
    while hour <= until:
        hours.append(hour)
        hour += _HOUR
    return {outcome: sum(_read([_of_hour(outcome, hour) for hour in hours])) for outcome in (REFUSED, FAILED)}


def calls_in_all() -> dict[str, int]:
    """The same since counting began."""
    return {outcome: sum(_read([_total(outcome)])) for outcome in (REFUSED, FAILED)}


def _read(keys: list[str]) -> list[int]:
    try:
        return [int(n) for n in cache.get_many(keys).values()]
    except RedisError:
        logger.warning("the calls that were counted cannot be read")
        return []


def _of_hour(outcome: str, moment: datetime) -> str:
    return f"calls:{outcome}:{moment.astimezone(UTC):%Y%m%d%H}"


def _total(outcome: str) -> str:
    return f"calls:{outcome}:total"
