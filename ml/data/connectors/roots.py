"""What may be read with the rights of the process that reads it, where others say what is read.

Whoever fills in a form must not be able to read any file of the server, nor a bucket that the server's own role opens.
"""

import os
from collections.abc import Sequence

from ml.data.connectors import SourceError

_PATTERN = "*?["


def check_path(path: str, roots: Sequence[str] | None) -> None:
    """Raise SourceError unless the path, or what stands before a pattern in it, lies below a root, links followed."""
    if roots is None:
        return
    fixed = path
    if any(sign in path for sign in _PATTERN):
        fixed = path[: min(path.find(sign) for sign in _PATTERN if sign in path)].rpartition("/")[0] or "/"
        if ".." in path.split("/"):
            raise SourceError("location: .. beside a pattern; a path without it was expected")
    real = os.path.realpath(fixed)
    if not any(
        os.path.commonpath([real, os.path.realpath(root)]) == os.path.realpath(root)
        for root in roots
        if "://" not in root
    ):
        raise SourceError(
            "location: lies in no folder that may be read here; one below DATA_ROOTS was expected (whoever runs the "
            "server sets it), or upload the file"
        )


def check_bucket(url: str, roots: Sequence[str] | None) -> None:
    """The same for a bucket that is opened without credentials of the source's own."""
    if roots is None:
        return
    if not any(f"{url}/".startswith(f"{root.rstrip('/')}/") for root in roots if "://" in root):
        raise SourceError(
            "credentials: missing; the bucket's own were expected, or the option anon: true for a public one"
        )
