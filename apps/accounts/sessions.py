"""What a session remembers of how and when its person signed in, and when it has lasted long enough."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase

_SIGNED_IN = "signed_in_at"  # seconds since the epoch, as all of these
_SEEN = "seen_at"
_CONFIRMED = "confirmed_at"
_FACTOR = "second_factor"  # its type
_HALF = "half_signed_in"
# A page must not cost a write each time, so the time of the last request is up to this many seconds old.
_SECONDS_BETWEEN_WRITES = 60


def begin_session(session: SessionBase) -> None:
    """Note that somebody has just signed in."""
    session[_SIGNED_IN] = session[_SEEN] = session[_CONFIRMED] = int(time.time())


def why_over(session: SessionBase) -> str:
    """`idle` or `long` when a limit is reached, else nothing.

    The limits are `SESSION_IDLE_LIMIT` and `SESSION_LIMIT` (ASVS 5.0, 7.3.1 and 7.3.2). A session that does not say
    when it began is over.
    """
    now = time.time()
    if now - session.get(_SIGNED_IN, 0) >= settings.SESSION_LIMIT.total_seconds():
        return "long"
    idle = settings.SESSION_IDLE_LIMIT.total_seconds()
    return "idle" if now - session.get(_SEEN, 0) >= idle else ""


def note_activity(session: SessionBase) -> None:
    """The person is still there."""
    now = int(time.time())
    if now - session.get(_SEEN, 0) >= _SECONDS_BETWEEN_WRITES:
        session[_SEEN] = now


def note_confirmation(session: SessionBase) -> None:
    """The person has just proved once more who he is."""
    session[_CONFIRMED] = int(time.time())


def note_second_factor(session: SessionBase, kind: str) -> None:
    """A second factor of type `kind` was proven, which confirms who it is, too."""
    session[_FACTOR] = kind
    note_confirmation(session)


def has_proven_second_factor(session: SessionBase) -> bool:
    return bool(session.get(_FACTOR))


def begin_half(session: SessionBase, user_id: UUID) -> None:
    """The password was right; until the second factor is proven nobody is signed in."""
    session[_HALF] = {"user": str(user_id), "at": int(time.time())}


def half_signed_in(session: SessionBase) -> str:
    """The id of the account whose password was given a short while ago, or nothing."""
    half = session.get(_HALF) or {}
    is_fresh = time.time() - half.get("at", 0) < settings.SECOND_FACTOR_LIMIT.total_seconds()
    return str(half["user"]) if is_fresh else ""


def end_half(session: SessionBase) -> None:
    session.pop(_HALF, None)


def is_confirmed(session: SessionBase, within: timedelta) -> bool:
    """Whether that was no longer ago than `within`."""
    return time.time() - session.get(_CONFIRMED, 0) < within.total_seconds()


def _on_sign_in(request: Any, **_kwargs: Any) -> None:
    begin_session(request.session)


user_logged_in.connect(_on_sign_in, dispatch_uid="hoofbeat.begin_session")
