"""What the tests of models share."""

from tests.lifecycle.watching import fill

__all__ = ["fill"]
