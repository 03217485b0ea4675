"""Telling another system."""

import urllib.request
from collections.abc import Mapping

SECONDS = 10.0


def post_json(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Post `body` to `url` (http or https, from the settings). Raises OSError unless it is answered by success."""
    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https alone
        url, body, {"Content-Type": "application/json", **(headers or {})}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310
        pass
