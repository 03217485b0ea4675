"""The `options` of a source file, read with the place of each mistake."""

import math
from collections.abc import Mapping
from typing import Any

import jmespath

from ml.data.connectors import SourceError


class Options:
    """Each value is asked for once; `end` refuses the keys that nobody asked for. All methods raise SourceError."""

    def __init__(self, values: Any, where: str = "options") -> None:
        if not isinstance(values, Mapping):
            raise SourceError(f"{where}: {values!r:.60}; an object was expected")
        self._values = values
        self._where = where
        self._known: list[str] = []

    def _take(self, key: str) -> Any:
        self._known.append(key)
        return self._values.get(key)

    def fail(self, key: str, expected: str) -> SourceError:
        """The mistake at `key`."""
        value = self._values.get(key)
        shown = "missing" if value is None else f"{value!r:.60}"
        return SourceError(f"{self._where}.{key}: {shown}; {expected} was expected")

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without `default` it must be there."""
        value = self._take(key)
        value = default if value is None else value
        if not isinstance(value, str) or (not value and default is None):
            raise self.fail(key, "a text")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of some texts."""
        value = self._take(key)
        if value not in allowed:
            raise self.fail(key, f"one of {', '.join(allowed)}")
        return str(value)

    def number(self, key: str, default: float, least: float = 0.0) -> float:
        """A number of at least `least`."""
        value = self._take(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.fail(key, "a number")
        if value < least:
            raise self.fail(key, f"a number of at least {least:g}")
        return value

    def path(self, key: str, default: str | None = None) -> str:
        """A JMESPath."""
        expression = self.text(key, default)
        try:
            jmespath.compile(expression)
        except jmespath.exceptions.JMESPathError as error:
            reason = str(error).splitlines()[0]
            raise self.fail(key, f"a JMESPath (jmespath.org; {reason})") from None
        return expression

    def section(self, key: str) -> "Options | None":
        """An object, or None."""
        value = self._take(key)
        return None if value is None else Options(value, f"{self._where}.{key}")

    def values(self, key: str) -> dict[str, Any]:
        """An object with plain values of any names, such as the parameters of a request."""
        values = self._take(key)
        values = {} if values is None else values
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
            raise self.fail(key, "an object of names and values")
        return dict(values)

    def end(self) -> None:
        """Refuse what is left."""
        for key in self._values:
            if key not in self._known:
                known = ", ".join(sorted(self._known))
                raise SourceError(f"{self._where}: {key!r}; one of the keys {known} was expected")
