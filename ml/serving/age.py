"""Ages as ISO 8601 durations ("P20Y", "P6M", "P1Y6M", "P3W", "P10D")."""

import re

DAYS_PER_YEAR = 365.25
OLDEST_YEARS = 130.0

_DURATION = re.compile(
    r"P(?=.)(?:(?P<Y>\d+(?:[.,]\d+)?)Y)?(?:(?P<M>\d+(?:[.,]\d+)?)M)?(?:(?P<W>\d+(?:[.,]\d+)?)W)?"
    r"(?:(?P<D>\d+(?:[.,]\d+)?)D)?(?:T(?=.)(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?",
    re.ASCII,
)
_YEARS = {
    "Y": 1.0,
    "M": 1 / 12,
    "W": 7 / DAYS_PER_YEAR,
    "D": 1 / DAYS_PER_YEAR,
    "h": 1 / 24 / DAYS_PER_YEAR,
    "m": 1 / 1440 / DAYS_PER_YEAR,
    "s": 1 / 86400 / DAYS_PER_YEAR,
}


class InvalidAge(ValueError):
    """Not a duration, or not the age of a person; the message says what was expected."""


def years_of(duration: object) -> float:
    """Years of an ISO 8601 duration. Raises InvalidAge."""
    wanted = "an ISO 8601 duration such as P20Y, P1Y6M, P3W or P10D was expected"
    if not isinstance(duration, str):
        raise InvalidAge(f"{duration!r} is not a text: {wanted}")
    text = duration.strip().upper()
    if text.startswith("-"):
        raise InvalidAge(f"{duration!r} is negative: {wanted}")
    match = _DURATION.fullmatch(text) if len(text) <= 40 else None
    if match is None:
        raise InvalidAge(f"{duration[:40]!r} is no age: {wanted}")
    # the time part shares the letter M with months, so its groups are in lower case
    years = sum(
        float(value.replace(",", ".")) * _YEARS[unit] for unit, value in match.groupdict().items() if value
    )
    if years > OLDEST_YEARS:
        raise InvalidAge(f"{duration!r} is over {OLDEST_YEARS:.0f} years: a person's age was expected")
    return years
