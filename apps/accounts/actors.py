"""Whoever acts: an account with its roles and capabilities, from where, and with which token."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from apps.accounts.models import User
from apps.core.identifiers import NOWHERE
from apps.core.problems import Denied


class Token(Protocol):
    """What lets a program act for an account, such as `apps.accounts.models.ApiToken`."""

    @property
    def public_id(self) -> UUID: ...
    @property
    def scopes(self) -> Iterable[str] | None:
        """Capabilities; None is every one of its account."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Passed to every service and selector in place of a request."""

    user: User | None = None
    roles: tuple[str, ...] = ()
    capabilities: frozenset[str] = field(default=frozenset())
    token_id: UUID | None = None
    address: str | None = None
    request_id: str = ""

    @property
    def user_id(self) -> UUID | None:
        return self.user.pk if self.user else None

    @property
    def organisation_id(self) -> UUID | None:
        return self.user.organisation_id if self.user else None

    @property
    def person(self) -> UUID:
        """The account's id for use in filters: one that no row has when nobody is signed in."""
        return self.user_id or NOWHERE

    @property
    def scope(self) -> UUID:
        """The organisation's id for use in filters: one that no row has when there is none."""
        return self.organisation_id or NOWHERE

    def account(self) -> User:
        """The account that acts. Raises Denied for work that no person asked for."""
        if self.user is None:
            raise Denied("account.required")
        return self.user

    def can(self, capability: str) -> bool:
        return capability in self.capabilities

    def require(self, capability: str) -> None:
        """Raise Denied unless the actor has `capability`."""
        if not self.can(capability):
            raise Denied(capability)


SYSTEM = Actor(roles=("system",))
"""Scheduled work that no person asked for."""
