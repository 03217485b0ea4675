"""Typed readers of environment variables that fail loudly, and the register of all variables that are read.

`NAME_FILE` may stand for any `NAME`: its content is then the value, as Docker and Kubernetes mount secrets.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


class _Required:
    pass


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its `name`, what it means, and its default in words (None: it must be set)."""

    name: str
    description: str
    default: str | None


_register: dict[str, Variable] = {}


def declared() -> Mapping[str, Variable]:
    """Every variable that the settings have read, by name."""
    return _register


def text(name: str, description: str, default: str | _Required = REQUIRED) -> str:
    """Read a string; raises ImproperlyConfigured when it is required and missing or empty."""
    _register[name] = Variable(name, description, None if isinstance(default, _Required) else default)
    value = os.environ.get(name, "")
    if not value and (path := os.environ.get(f"{name}_FILE")):
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {path}: {error}") from error
    if value:
        return value
    if isinstance(default, _Required):
        raise ImproperlyConfigured(f"{name} is not set. It is: {description}. `make run` sets it by itself.")
    return default


def for_libraries(name: str, description: str) -> None:
    """Register an optional variable that a library reads by itself, and give it what `text` would read.

    An empty one is removed: compose hands one on that is not set, and a library takes it for a value.
    """
    if value := text(name, description, ""):
        os.environ[name] = value
    else:
        os.environ.pop(name, None)


def flag(name: str, description: str, default: bool) -> bool:
    """Read yes or no."""
    value = text(name, description, "true" if default else "false").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; say true or false. It is: {description}.")


def integer(name: str, description: str, default: int, minimum: int, maximum: int) -> int:
    """Read a whole number from `minimum` to `maximum`, both included."""
    value = text(name, description, str(default))
    try:
        number = int(value)
    except ValueError:
        number = minimum - 1
    if not minimum <= number <= maximum:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; say a whole number from {minimum} to {maximum}. It is: {description}."
        )
    return number


def words(name: str, description: str, default: str = "") -> list[str]:
    """Read a list whose items are separated by commas."""
    return [word.strip() for word in text(name, description, default).split(",") if word.strip()]


def networks(name: str, description: str) -> list[IPv4Network | IPv6Network]:
    """Read networks and addresses, such as 10.1.0.0/16 and ::1, separated by commas; none by default."""
    try:
        return [ip_network(word) for word in words(name, description)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}. It is: {description}.") from None


def choice(name: str, description: str, default: str, options: tuple[str, ...]) -> str:
    """Read one of `options`."""
    value = text(name, description, default)
    if value not in options:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; say one of {', '.join(options)}. It is: {description}."
        )
    return value


def url(name: str, description: str, schemes: tuple[str, ...], default: str | _Required = REQUIRED) -> str:
    """Read a URL of one of `schemes`. The value is never repeated in an error, for it may hold a password."""
    value = text(name, description, default)
    if value and urlsplit(value).scheme not in schemes:
        raise ImproperlyConfigured(f"{name} must begin with one of {', '.join(s + '://' for s in schemes)}")
    return value
