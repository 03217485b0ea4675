"""Whose rows PostgreSQL shows to this thread or task (ADR 27).

The database refuses the rows of every organisation but the one that is named here, whatever a query forgets. Nothing is
named outside of a request and at the start of a task, and then there are no rows at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

SETTING = "hoofbeat.organisation"
_current = ContextVar[str | None]("organisation", default=None)
# What holds where no scope was ever entered: nobody's.
outside = ""


def current_organisation() -> str:
    """The id of the organisation whose rows are to be seen, or "" for none."""
    named = _current.get()
    return outside if named is None else named


@contextmanager
def organisation_scope(organisation_id: UUID | None) -> Iterator[None]:
    """Inside, that organisation's rows are there and no other's; None: no rows, until `enter_organisation`.

    Scopes may be nested. Nothing is sent until the next statement needs it.
    """
    token = _current.set("" if organisation_id is None else str(organisation_id))
    try:
        yield
    finally:
        _current.reset(token)


def enter_organisation(organisation_id: UUID) -> None:
    """From here to the end of the scope around it, that organisation's rows are there and no other's."""
    _current.set(str(organisation_id))
