"""Dangerous acts ask once more who it is, when that was last proven too long ago."""

from functools import wraps
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from rest_framework.exceptions import Throttled

from apps.accounts import factors
from apps.accounts.lockout import count_failure, is_locked
from apps.accounts.middleware import attempt_of
from apps.accounts.models import User
from apps.accounts.services import record_session
from apps.accounts.sessions import is_confirmed
from apps.audit.models import Outcome
from apps.core.access import lead_to

CONFIRM = "accounts:confirm"
CONFIRMED = "account.confirm"


def confirm_first(request: HttpRequest) -> HttpResponseBase | None:
    """The way to the page that asks for password or second factor, which leads back here; None when not needed.

    Needed when the last proof is older than `REAUTHENTICATION_LIMIT` (ASVS 5.0, 7.5.1 and 7.5.3).
    """
    if is_confirmed(request.session, settings.REAUTHENTICATION_LIMIT):
        return None
    return lead_to(request, CONFIRM)


def confirm_caller(request: HttpRequest, user: User, *, password: str, code: str) -> None:
    """The same for a program, whose token alone does not prove that its owner is there.

    It sends his second factor's `code`, or the `password` where there is none. Raises InvalidInput for a wrong one,
    which counts as a failed sign-in, and Throttled (429) when there were too many.
    """
    if not is_locked(request, user):
        with transaction.atomic():
            kind = (
                factors.use_code(user=user, code="".join(code.split()))
                if factors.has_second_factor(user=user)
                else "password" * user.check_password(password)
            )
            if kind:
                actor = request.actor  # type: ignore[attr-defined]
                record_session(actor=actor, action=CONFIRMED, details={"factor": kind})
                return
        count_failure(request, user)
    locked = is_locked(request, user)
    record_session(
        actor=attempt_of(request, user),
        action=CONFIRMED,
        outcome=Outcome.DENIED if locked else Outcome.FAILED,
        account=user,
        details={"why": "locked" if locked else "second_factor"},
    )
    if locked:
        raise Throttled(settings.AXES_COOLOFF_TIME.total_seconds())
    raise factors.wrong_code()


class ReauthenticationRequired:
    """Mixin of a page with a dangerous act; it stands after CapabilityRequired, which decides first.

    `confirmed_methods` says when to ask: before the form is filled in, so that nothing typed is lost, and at its end.
    """

    confirmed_methods: tuple[str, ...] = ("GET", "POST")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in self.confirmed_methods and (first := confirm_first(request)):
            return first
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


def reauthentication_required(view: Any) -> Any:
    """The same for a method of a class whose first argument is the request, such as a page of Django admin."""

    @wraps(view)
    def confirmed(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return confirm_first(request) or view(self, request, *args, **kwargs)

    return confirmed
