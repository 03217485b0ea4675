"""The permission matrix: every route x method x role, drawn from the resolver and tried for real.

`matrix.csv` says which status each role gets. A route, or a method of it, that has no row fails the suite; so does a
row without a route. For the many alike addresses of Django admin, `*` stands in a route for any part of it and as the
method for all of them; the most exact row holds. A method without a row must be refused to everybody.

tests/promises/test_every_access.py tries what each view has, for the sake of its events, and looks at the status on the
way; tried here is what it leaves out.
"""

import csv
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from apps.accounts.permissions import capability_for
from apps.accounts.roles import CAPABILITIES
from apps.core.capabilities import PUBLIC
from tests.permissions.house import (
    ANONYMOUS,
    METHODS,
    ROLES,
    ROUTES,
    Caller,
    is_crawled,
    methods_of,
)

MATRIX = Path(__file__).with_name("matrix.csv")
STRAY = "DELETE"
_REFUSED = {302, 401, 403, 404, 405}


def _read_matrix() -> dict[tuple[str, str], dict[str, int]]:
    with MATRIX.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {(row["route"], row["method"]): {role: int(row[role]) for role in ROLES} for row in rows}


ROWS = _read_matrix()


def row_of(route: str, method: str) -> dict[str, int] | None:
    """The row of a route: the most exact one that stands for it and its method (`*`: whatever the method)."""
    fitting = [key for key in ROWS if key[1] in {method, "*"} and fnmatchcase(route, key[0])]
    return (
        ROWS[max(fitting, key=lambda key: (len(key[0].replace("*", "")), key[1] != "*"))] if fitting else None
    )


def test_every_route_and_method_has_a_row() -> None:
    missing = [
        (route, method)
        for route, (_name, _pattern, view) in ROUTES.items()
        for method in methods_of(view)
        if row_of(route, method) is None
    ]
    missing += [(route, "any") for route in ROUTES if not any(row_of(route, method) for method in METHODS)]
    assert not missing, f"write rows in {MATRIX.name} for {missing}"


def test_every_row_has_a_route() -> None:
    lost = [route for route, _method in ROWS if not any(fnmatchcase(known, route) for known in ROUTES)]
    assert not lost, f"remove from {MATRIX.name}: {lost}"


def test_nobody_gets_more_than_his_role_names() -> None:
    """The matrix itself is sound: whoever lacks the capability that a page declares is refused."""
    for route, (_name, _pattern, view) in ROUTES.items():
        for method in methods_of(view):
            declared = capability_for(view, method) if hasattr(view, "capability") else PUBLIC
            row = row_of(route, method)
            if declared != PUBLIC and row is not None:
                lacking = {role for role, granted in CAPABILITIES.items() if declared not in granted}
                assert {row[role] for role in lacking} <= {404}, route
                assert row[ANONYMOUS] == (401 if route.startswith("api:") else 302), route


# One test a part and not a route: everybody and everything is made anew for each test.
@pytest.mark.django_db
@pytest.mark.parametrize("part", ["pages", "api", "admin"])
def test_each_role_gets_what_the_matrix_says(part: str, callers: dict[str, Caller]) -> None:
    wrong = [
        fault
        for route in ROUTES
        if _part_of(route) == part
        for method in _tried_methods(route)
        for fault in _faults(route, method, callers)
    ]
    assert not wrong, "\n".join(wrong)


def _tried_methods(route: str) -> list[str]:
    """Those that have a row, and one that stands for all others, which the view's class lacks or treats alike."""
    exact = [method for key, method in ROWS if key == route and method != "*"]
    return sorted({*exact, "GET", "POST", STRAY}) if row_of(route, STRAY) else sorted({*exact, STRAY})


def _part_of(route: str) -> str:
    part = route.split(":")[0]
    return part if part in {"api", "admin"} else "pages"


def _faults(route: str, method: str, callers: dict[str, Caller]) -> Iterator[str]:
    name, pattern, _view = ROUTES[route]
    row = row_of(route, method)
    for role, caller in callers.items():
        if row is not None and is_crawled(route, method, role):
            continue
        response = _tried(caller, name, pattern, method)
        status = response.status_code
        if row is None and status not in _REFUSED:
            yield f"{route} {method} as {role}: {status}, but the matrix has no such row"
        elif row is not None:
            wrong = unexpected(route, response, row[role], is_anonymous=role == ANONYMOUS)
            yield from (f"{route} {method} as {role}: {fault}" for fault in wrong)


def unexpected(route: str, answer: Any, expected: int, *, is_anonymous: bool) -> Iterator[str]:
    """What the matrix says otherwise: the status; and whoever is not signed in is led to the sign-in."""
    if answer.status_code != expected:
        yield f"{answer.status_code} instead of {expected}"
    if is_anonymous and answer.status_code == 302 and getattr(ROUTES[route][2], "capability", "") != PUBLIC:
        target = answer.headers["Location"]
        if not target.startswith(("/account/sign-in/", "/admin/")):
            yield f"led to {target} instead of the sign-in"


def _tried(caller: Caller, name: str, pattern: str, method: str) -> Any:
    """The answer, with everything undone that the request did."""
    with transaction.atomic():
        response = caller.call(name, pattern, method)
        transaction.set_rollback(True)
    return response
