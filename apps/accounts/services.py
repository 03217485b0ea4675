"""Changing accounts."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction

from apps.accounts.actors import Actor
from apps.accounts.models import ApiToken, Organisation, User
from apps.accounts.selectors import list_tokens
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
def issue_token(*, actor: Actor, name: str, lifetime: timedelta | None = None) -> tuple[ApiToken, str]:
    """A new API token for the actor himself: (its row, the token that is shown once)."""
    actor.require(Capability.ACCOUNT_SELF)
    options = {} if lifetime is None else {"expiry": lifetime}
    token, secret = ApiToken.objects.create(user=actor.user, name=name, **options)
    record_event(actor=actor, action="token.issue", object_type="token", object_ids=[token.public_id])
    return token, secret


@transaction.atomic
def revoke_token(*, actor: Actor, token_id: UUID) -> None:
    """Take one of the actor's own tokens back, at once."""
    deleted, _ = list_tokens(actor=actor).filter(public_id=token_id).delete()
    if not deleted:
        raise Denied("token.revoke", "token", (token_id,))
    record_event(actor=actor, action="token.revoke", object_type="token", object_ids=[token_id])
