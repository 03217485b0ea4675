"""Every dependency has a reason, a lower bound and an exact pin with a hash."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def direct_dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    return [
        *project["project"]["dependencies"],
        *(requirement for extra in extras for requirement in extra),
        *project["dependency-groups"]["dev"],
    ]


def names(requirements: list[str]) -> set[str]:
    return {_NAME.match(requirement).group().lower() for requirement in requirements}  # type: ignore[union-attr]


def test_each_has_a_reason() -> None:
    rows = re.findall(r"^\| ([a-z0-9, -]+) \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    explained = {name for row in rows for name in row.split(", ")} - {"package"}
    assert explained == names(direct_dependencies())


def test_each_has_a_lower_bound() -> None:
    assert [requirement for requirement in direct_dependencies() if ">=" not in requirement] == []


def test_each_is_pinned_with_a_hash_and_no_index_is_named() -> None:
    lock = (ROOT / "requirements/lock.txt").read_text()
    pins = re.split(r"\n(?=[a-z0-9])", lock)
    assert names(direct_dependencies()) <= names(pins)
    assert [pin.split()[0] for pin in pins if "==" in pin.split()[0] and "--hash=sha256:" not in pin] == []
    assert "://" not in lock
