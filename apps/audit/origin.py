"""Whose act an event describes."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from apps.core.identifiers import NOWHERE


class Origin(Protocol):
    """What the trail needs to know of whoever acts; `apps.accounts.actors.Actor` is one."""

    @property
    def user_id(self) -> UUID | None: ...
    @property
    def organisation_id(self) -> UUID | None: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def token_id(self) -> UUID | None: ...
    @property
    def address(self) -> str | None: ...
    @property
    def request_id(self) -> str: ...
    @property
    def scope(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Nobody:
    """Work that no person did, in the organisation that it concerns; None: the whole installation."""

    organisation_id: UUID | None
    user_id: UUID | None = None
    roles: tuple[str, ...] = ("system",)
    token_id: UUID | None = None
    address: str | None = None
    request_id: str = ""

    @property
    def scope(self) -> UUID:
        return self.organisation_id or NOWHERE
