"""Cursor pages: each begins where the last ended, so rows that arrive meanwhile shift nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.core.problems import FieldError, InvalidInput

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class CursorPage:
    """Rows, newest first; `older` and `newer` are the cursors of the neighbouring pages, or empty."""

    rows: list[Any]
    older: str
    newer: str


def cursor_page(
    rows: QuerySet[Any],
    *,
    before: str = "",
    after: str = "",
    field: str = "id",
    parse: Callable[[str], Any] = UUID,
    size: int = PAGE_SIZE,
) -> CursorPage:
    """One page of `rows` ordered by `field` descending, older than `before` or newer than `after`.

    Raises InvalidInput for a cursor that `parse` refuses.
    """
    if after:
        found = list(
            rows.filter(**{f"{field}__gt": _parsed("after", after, parse)}).order_by(field)[: size + 1]
        )
        more_newer, found = len(found) > size, found[:size][::-1]
        return _page(found, field, has_older=True, has_newer=more_newer)
    if before:
        rows = rows.filter(**{f"{field}__lt": _parsed("before", before, parse)})
    found = list(rows.order_by(f"-{field}")[: size + 1])
    return _page(found[:size], field, has_older=len(found) > size, has_newer=bool(before))


def row_page(rows: QuerySet[Any], *, before: str = "", after: str = "", size: int = PAGE_SIZE) -> CursorPage:
    """One page of rows in the order of their numbers, as lines of a file; `older` leads to the following ones."""
    if before:
        found = list(rows.filter(pk__lt=_parsed("before", before, int)).order_by("-pk")[: size + 1])
        return _page(found[:size][::-1], "pk", has_older=True, has_newer=len(found) > size)
    if after:
        rows = rows.filter(pk__gt=_parsed("after", after, int))
    found = list(rows.order_by("pk")[: size + 1])
    return _page(found[:size], "pk", has_older=len(found) > size, has_newer=bool(after))


def _parsed(name: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        detail = _("This is not a place in the list; go back to its beginning.")
        raise InvalidInput([FieldError(name, "bad_cursor", detail, text[:80])]) from error


def _page(rows: list[Any], field: str, *, has_older: bool, has_newer: bool) -> CursorPage:
    if not rows:
        return CursorPage([], "", "")
    return CursorPage(
        rows,
        str(getattr(rows[-1], field)) if has_older else "",
        str(getattr(rows[0], field)) if has_newer else "",
    )
