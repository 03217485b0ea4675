"""Changing accounts."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.lockout import unlock
from apps.accounts.models import ApiToken, Organisation, User
from apps.accounts.selectors import get_token, grantable_scopes
from apps.audit.models import Outcome
from apps.audit.origin import Origin
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.problems import Denied


@transaction.atomic
def create_user(
    *, actor: Actor, username: str, password: str, organisation: Organisation, role: str, name: str = ""
) -> User:
    """Make an account with one role. Raises Group.DoesNotExist for an unknown role."""
    user = User(username=username, organisation=organisation, last_name=name)
    user.set_password(password)
    user.save(force_insert=True)
    user.groups.add(Group.objects.get(name=role))
    record_event(
        actor=actor, action="user.create", object_type="user", object_ids=[user.pk], details={"role": role}
    )
    return user


@transaction.atomic
def issue_token(
    *, actor: Actor, name: str, scopes: Iterable[str], lifetime: timedelta | None = None
) -> tuple[ApiToken, str]:
    """A new API token for the actor himself: (its row, the token that is shown once).

    `scopes` are capabilities of his. Raises Denied for one that he lacks.
    """
    actor.require(Capability.ACCOUNT_SELF)
    wanted = sorted(set(scopes))
    if not set(wanted) <= set(grantable_scopes(actor=actor)):
        raise Denied("token.issue")
    options: dict[str, Any] = {} if lifetime is None else {"expiry": lifetime}
    token, secret = ApiToken.objects.create(
        user=actor.user, name=name, scopes=wanted, organisation_id=actor.organisation_id, **options
    )
    record_event(
        actor=actor,
        action="token.issue",
        object_type="token",
        object_ids=[token.public_id],
        details={"scopes": wanted},
    )
    return token, secret


def note_token_use(*, token: ApiToken) -> None:
    """Remember when a token was last used, to the minute: it must not cost a write each time."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


@transaction.atomic
def revoke_token(*, actor: Actor, token_id: UUID) -> None:
    """Take one of the actor's own tokens back, at once."""
    get_token(actor=actor, token_id=token_id).delete()
    record_event(actor=actor, action="token.revoke", object_type="token", object_ids=[token_id])


def record_session(
    *,
    actor: Origin,
    action: str,
    outcome: Outcome = Outcome.OK,
    account: User | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write a sign-in or sign-out down.

    A failed one names the `account` that was meant, if there is one, and never what was typed: it may be a password.
    """
    named = account.pk if account else actor.user_id
    record_event(
        actor=actor,
        action=action,
        outcome=outcome,
        object_type="user",
        object_ids=[named] if named else [],
        details=details,
    )


@transaction.atomic
def unlock_accounts(*, actor: Actor, users: Iterable[User]) -> int:
    """Let accounts that are locked try again at once; returns how many rows of failures there were."""
    actor.require(Capability.ADMIN_ACCESS)
    user_ids = [user.pk for user in users]
    failures = unlock(user_ids)
    record_event(actor=actor, action="account.unlock", object_type="user", object_ids=user_ids)
    return failures


@transaction.atomic
def change_password(*, actor: Actor, password: str) -> User:
    """Give the actor's account a new password, which ends its other sessions."""
    actor.require(Capability.ACCOUNT_SELF)
    user = User.objects.get(pk=actor.person)
    user.set_password(password)
    user.save(update_fields=["password"])
    record_event(actor=actor, action="account.password", object_type="user", object_ids=[user.pk])
    return user
