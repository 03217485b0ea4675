"""Too many failed sign-ins lock the door for a while: what django-axes counts, and under which name.

It never keeps what was typed, which may be a password in the wrong field: an account is known by its id, and a name
that nobody has by a keyed digest, so that both are counted and locked alike.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.db.models import Sum
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from apps.accounts.models import User
from apps.core.identifiers import NOWHERE

# Failures from anywhere weigh a tenth: a colleague at another desk, or an attacker with one address, cannot lock
# somebody out, and guessing from many addresses ends as well.
_ANYWHERE = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """A failed sign-in as the trail knows it: nobody's act, in the organisation of the account that was meant."""

    account: User | None
    address: str | None
    request_id: str
    user_id: UUID | None = None
    roles: tuple[str, ...] = ()
    token_id: UUID | None = None

    @property
    def organisation_id(self) -> UUID | None:
        return self.account.organisation_id if self.account else None

    @property
    def scope(self) -> UUID:
        return self.organisation_id or NOWHERE


class LockoutHandler(AxesDatabaseHandler):
    """Counts failures of an account from one address, and a tenth of those from anywhere."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        from_here, from_anywhere = (
            attempts.aggregate(n=Sum("failures_since_start"))["n"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        return max(from_here, from_anywhere // _ANYWHERE)


def account_named(request: Any, username: str) -> User | None:
    """The account that somebody tries to sign in as, looked up once a request."""
    known: dict[str, User | None] = request.__dict__.setdefault("_accounts_named", {})
    if username not in known:
        known[username] = User.objects.filter(username=username).first()
    return known[username]


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """What axes counts under, in place of what was typed (`AXES_USERNAME_CALLABLE`)."""
    typed = str((credentials or {}).get("username") or "")
    account = account_named(request, typed)
    return str(account.pk) if account else salted_hmac("hoofbeat.lockout", typed).hexdigest()


def is_locked(request: HttpRequest, user: User) -> bool:
    """Whether further attempts for this account are refused for now."""
    return not AxesProxyHandler.is_allowed(request, {"username": user.username})


def count_failure(request: HttpRequest, user: User) -> None:
    """Count a failed second factor, or a failed confirmation, as a failed sign-in."""
    AxesProxyHandler.user_login_failed(
        sender=__name__, credentials={"username": user.username}, request=request
    )


def unlock(user_ids: list[UUID]) -> int:
    """Forget the failures of these accounts; returns how many rows there were."""
    return AccessAttempt.objects.filter(username__in=[str(pk) for pk in user_ids]).delete()[0]
