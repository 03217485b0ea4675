"""Reading accounts."""

from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from apps.accounts.actors import Actor, Token
from apps.accounts.models import ApiToken, Organisation, User
from apps.core.capabilities import Capability
from apps.core.problems import Denied
from apps.core.tenancy import organisation_scope

_CAPABILITIES = frozenset(Capability.values)
_PAGES_ONLY = {
    Capability.ACCOUNT_SELF,
    Capability.ADMIN_ACCESS,
    Capability.DATASET_READ,
    Capability.DATASET_WRITE,
    Capability.MODEL_PROPOSE,
    Capability.MODEL_APPROVE,
}
PROGRAM_SCOPES = [capability for capability in Capability if capability not in _PAGES_ONLY]
"""What a program may be allowed: all but what programs have no use for."""
T = TypeVar("T")


def get_actor(
    *, user: User, token: Token | None = None, address: str | None = None, request_id: str = ""
) -> Actor:
    """The actor that `user` is right now: one query, so a change of role holds from the next request on.

    A superuser without a role gets the administration and nothing clinical. With a `token`, no more than its scopes.
    """
    rows = Group.objects.filter(user=user).values_list("name", "permissions__codename")
    granted = [(name, codename) for name, codename in rows]
    capabilities = {codename for _, codename in granted if codename in _CAPABILITIES}
    if user.is_superuser:
        capabilities |= {Capability.ADMIN_ACCESS.value, Capability.ACCOUNT_SELF.value}
    if token is not None and token.scopes is not None:
        capabilities &= set(token.scopes)
    return Actor(
        user=user,
        roles=tuple(sorted({name for name, _ in granted})),
        capabilities=frozenset(capabilities),
        token_id=token.public_id if token else None,
        address=address,
        request_id=request_id,
    )


def in_each_organisation(work: Callable[[UUID], T]) -> list[T]:
    """What `work` answers for one organisation's id after the other; meanwhile its rows are there, and no other's.

    For work that no person asked for. There is no scope in which the rows of all are there. No generator: one that
    is left half-way would leave its scope at whatever time it is thrown away, in the midst of somebody else's work.
    """
    return [
        _in_organisation(organisation_id, work)
        for organisation_id in Organisation.objects.order_by("pk").values_list("pk", flat=True)
    ]


def _in_organisation(organisation_id: UUID, work: Callable[[UUID], T]) -> T:
    with organisation_scope(organisation_id):
        return work(organisation_id)


def grantable_scopes(*, actor: Actor) -> list[Capability]:
    """What the actor may let a token do: what he may himself, but for what programs have no use for."""
    return [capability for capability in PROGRAM_SCOPES if actor.can(capability)]


def list_tokens(*, actor: Actor) -> QuerySet[ApiToken]:
    """The actor's own tokens, newest first."""
    return ApiToken.objects.filter(user=actor.user)


def get_token(*, actor: Actor, token_id: UUID) -> ApiToken:
    """One of the actor's own tokens; raises Denied when there is none."""
    token = list_tokens(actor=actor).filter(public_id=token_id).first()
    if token is None:
        raise Denied("token.revoke", "token", (token_id,))
    return token


def people_of(*, actor: Actor, user_ids: Iterable[UUID]) -> dict[UUID, User]:
    """Accounts of the actor's organisation by id, to name them beside what they did."""
    return User.objects.filter(organisation_id=actor.scope).in_bulk(list(set(user_ids)))


def list_colleagues(*, actor: Actor, capability: Capability) -> QuerySet[User]:
    """Active accounts of the actor's organisation, himself left out, whose roles grant `capability`."""
    return (
        User.objects.filter(
            organisation_id=actor.scope,
            is_active=True,
            groups__permissions__codename=capability.value,
        )
        .exclude(pk=actor.person)
        .distinct()
        .order_by("last_name", "username")
    )
