"""Whose act an event describes."""

from typing import Protocol
from uuid import UUID


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
