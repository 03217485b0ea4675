"""Passwords: long, not leaked (looked up offline), and free of rules about which characters they hold."""

import hashlib
from pathlib import Path

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError

from apps.accounts.passwords import BreachedPasswordValidator


def codes(password: str) -> list[str]:
    try:
        validate_password(password)
    except ValidationError as error:
        return [str(one.code) for one in error.error_list]
    return []


def test_length_counts_and_composition_does_not() -> None:
    assert codes("tooshort") == ["password_too_short"] or "password_too_short" in codes("tooshort")
    assert codes("correct horse battery staple") == []
    assert codes("774403918265") == []
    assert codes("ñandú-ñandú-ñandú") == []


def test_common_ones_are_refused() -> None:
    assert "password_too_common" in codes("password1234")


def digest(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest().upper()


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 1000])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_leaked_one_is_found_and_no_other(tmp_path: Path, lines: int, ending: str) -> None:
    leaked = [f"leaked-{number}" for number in range(lines)]
    file = tmp_path / "pwned.txt"
    rows = sorted(f"{digest(word)}:{number + 1}" for number, word in enumerate(leaked))
    file.write_bytes("".join(row + ending for row in rows).encode())
    validator = BreachedPasswordValidator(str(file))
    found = 0
    for word in leaked:
        with pytest.raises(ValidationError):
            validator.validate(word)
        found += 1
    for number in range(200):
        validator.validate(f"fresh-{number}")
    print(f"{found} of {lines} leaked found, 0 of 200 others")


def test_a_path_that_leads_nowhere_is_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="no file"):
        BreachedPasswordValidator(str(tmp_path / "missing"))
    BreachedPasswordValidator("").validate("anything")
