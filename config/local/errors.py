"""What can go wrong on a machine, said in one sentence; and the end of a file that shows why."""

import errno
from pathlib import Path


class LocalError(Exception):
    """A problem whose text is the whole message for the person at the terminal."""


class StopRequested(Exception):
    """Ctrl-C or SIGTERM came while something was being started."""


FULL_DISK = {errno.ENOSPC, errno.EDQUOT}


def last_lines(log: Path, count: int = 15) -> str:
    """The end of `log` for a person to read, or a remark that there is nothing in it."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16_384))
            lines = file.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError as error:
        return f"  ({log}: {error.strerror})"
    return "\n".join(f"  {line}" for line in lines) or f"  ({log} is empty)"
