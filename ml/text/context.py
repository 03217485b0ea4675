"""Whether a sentence says that the patient has a finding, has it not, may have it, or that a relative has it."""

import re
from collections.abc import Iterable, Sequence

from ml.text.notes import Status
from ml.text.tokens import Token
from ml.text.triggers import Triggers, triggers

Span = tuple[int, int]
# An enumeration after "no" is seldom longer, in characters; beyond it trigger and finding are hardly one statement.
_FARTHEST = 250


class Reader:
    """Reads the sentences of one note in order, since a heading ("Family history:") holds for those below it."""

    def __init__(self, folded: str, language: str) -> None:
        self._folded = folded
        self._triggers = triggers(language)
        self._is_under_family_heading = False
        self._last_end = 0

    def statement(self, sentence: Sequence[Token]) -> "Statement":
        """What the triggers of the next sentence say."""
        start, end = sentence[0].start, sentence[-1].end
        between = self._folded[self._last_end : start]
        is_at_line_start = self._last_end == 0 or "\n" in between
        if is_at_line_start and self._triggers.heading.match(self._folded, start):
            self._is_under_family_heading = bool(self._triggers.family_heading.match(self._folded, start))
        elif between.count("\n") > 1:
            self._is_under_family_heading = False
        self._last_end = end
        return Statement(self._folded, (start, end), self._triggers, self._is_under_family_heading)


class Statement:
    """The triggers of one sentence, as spans in the folded text."""

    def __init__(self, folded: str, span: Span, triggers: Triggers, is_family: bool) -> None:
        self._folded = folded
        self._is_family = is_family

        def spans(pattern: re.Pattern[str]) -> list[Span]:
            return [match.span() for match in pattern.finditer(folded, *span)]

        masked = spans(triggers.pseudo)
        self._negation = _outside(spans(triggers.negation), masked)
        self._negation_after = _outside(spans(triggers.negation_after), masked)
        self._doubt = spans(triggers.doubt)
        self._doubt_after = spans(triggers.doubt_after)
        self._relative = _outside(spans(triggers.relative), masked)
        self._relative_after = _outside(spans(triggers.relative_after), masked)
        self._ends_forward = spans(triggers.ends_forward)
        self._ends_family = spans(triggers.ends_family)
        self._ends_family_backward = spans(triggers.ends_backward)
        self._ends_backward = self._ends_family_backward + spans(triggers.copula)

    def status(self, start: int, end: int) -> tuple[Status, bool]:
        """Status of a finding at a place of the folded text, and whether it is negated."""
        negated = _is_forward(self._negation, self._ends_forward, start) or _is_backward(
            self._negation_after, self._ends_backward, end
        )
        if (
            self._is_family
            or _is_forward(self._relative, self._ends_family, start)
            or _is_backward(self._relative_after, self._ends_family_backward, end)
        ):
            return "family", negated
        if negated:
            return "absent", True
        is_doubtful = (
            _is_forward(self._doubt, self._ends_forward, start)
            or _is_backward(self._doubt_after, self._ends_backward, end)
            or self._is_questioned(start, end)
        )
        return ("uncertain" if is_doubtful else "present"), False

    def _is_questioned(self, start: int, end: int) -> bool:
        """Whether a question mark stands beside the finding, as in "?pneumonia"."""
        after, before = self._folded[end : end + 2], self._folded[max(0, start - 1) : start]
        return after.strip().startswith("?") or before in ("?", "¿")


def _is_forward(triggers: Iterable[Span], ends: Sequence[Span], start: int) -> bool:
    return any(
        last <= start
        and start - last <= _FARTHEST
        and not any(last <= stop[0] and stop[1] <= start for stop in ends)
        for _, last in triggers
    )


def _is_backward(triggers: Iterable[Span], ends: Sequence[Span], end: int) -> bool:
    return any(
        end <= first
        and first - end <= _FARTHEST
        and not any(end <= stop[0] and stop[1] <= first for stop in ends)
        for first, _ in triggers
    )


def _outside(spans: Iterable[Span], masked: Sequence[Span]) -> list[Span]:
    return [span for span in spans if not any(span[0] < m[1] and m[0] < span[1] for m in masked)]
