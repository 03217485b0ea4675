"""What can go wrong in a way that a caller should hear about, apart from HTTP.

Services and selectors raise these; the web pages and the REST API each turn them into their own answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one `field` of the input, and what would be right.

    `near` lists (id, label) pairs that may have been meant.
    """

    field: str
    code: str
    detail: str
    value: str = ""
    near: tuple[tuple[str, str], ...] = ()


class Problem(Exception):
    """Base of all; `title` is one short sentence for the caller."""

    title = "Something went wrong"


class InvalidInput(Problem):
    """The input was understood but cannot be used: 422. Collects every error, not just the first."""

    title = "The input cannot be used"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in self.errors))


class Conflict(Problem):
    """The state of things does not allow it now: 409."""

    title = "This cannot be done now"


class Forbidden(Problem):
    """The object may be seen, but a rule of law or of the house forbids this act: 403, and an event as for `Denied`."""

    title = "This is not allowed"

    def __init__(
        self, detail: str, action: str, object_type: str = "", object_ids: tuple[UUID, ...] = ()
    ) -> None:
        self.action = action
        self.object_type = object_type
        self.object_ids = object_ids
        super().__init__(detail)


class LengthRequired(Problem):
    """A body whose length was not said, which could only be judged by reading it: 411."""

    title = "Say how long the body is"


class Unavailable(Problem):
    """A part that the work needs is down: 503, and nothing was kept."""

    title = "The service is not available right now; nothing was saved"


@dataclass
class Denied(Problem):
    """The actor may not see or do this: 404, and an audit event that is written after the rollback.

    Whether the object exists is not told, so that ids cannot be probed.
    """

    action: str
    object_type: str = ""
    object_ids: tuple[UUID, ...] = field(default=())

    title = "Not found"

    def __str__(self) -> str:
        return f"{self.action} {self.object_type}".strip()
