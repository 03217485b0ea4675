"""Passwords that have leaked elsewhere are refused, without asking anybody: NIST SP 800-63B-4, section 3.1.1.2."""

import hashlib
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils.translation import gettext as _

_DIGEST_LENGTH = 40  # hexadecimal digits of SHA-1


class BreachedPasswordValidator:
    """Looks a password up in a file of SHA-1 digests, sorted, one a line, as Have I Been Pwned gives it.

    What follows a digest on its line (`:3861493`) is ignored. The file is searched by halves, so its forty gigabytes
    cost some thirty reads. Without a `path` nothing is refused.
    """

    def __init__(self, path: str = "") -> None:
        self.path = Path(path) if path else None
        if self.path is not None and not self.path.is_file():
            raise ImproperlyConfigured(f"BREACHED_PASSWORDS is {path!r}, which is no file.")

    def validate(self, password: str, user: object = None) -> None:
        """Raise ValidationError for a password that is in the file."""
        if self.path is None:
            return
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        if _is_listed(self.path, digest):
            raise ValidationError(
                _(
                    "This password is in a list of leaked ones, which attackers try first. Choose another one."
                ),
                code="password_breached",
            )

    def get_help_text(self) -> str:
        return _("It must not be one that is known to have leaked.")


def _is_listed(path: Path, digest: bytes) -> bool:
    """Whether a line of the sorted file begins with `digest`."""
    with path.open("rb") as lines:
        low, high = 0, path.stat().st_size
        # The line sought, if there is one, begins at `low` or later and before `high`.
        while low < high:
            middle = (low + high) // 2
            lines.seek(middle)
            if middle:
                lines.seek(middle - 1)
                lines.readline()  # the rest of a line, or only the end of the one before
            start = lines.tell()
            line = lines.readline()
            if not line or start >= high:
                high = middle
                continue
            found = line[:_DIGEST_LENGTH].upper()
            if found == digest:
                return True
            if found < digest:
                low = start + len(line)
            else:
                high = middle
    return False
