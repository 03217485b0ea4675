"""What a client says of itself when it asks for a token or gives one back."""

import base64
import binascii
from urllib.parse import unquote_plus

from django.http import HttpRequest


def client_named(request: HttpRequest) -> str:
    """The client's id as it gave it: in the header (RFC 6749, section 2.3.1), or else in the body."""
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request.POST.get("client_id", "")
    try:
        return unquote_plus(base64.b64decode(given).decode().partition(":")[0])
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def holds_nul(request: HttpRequest) -> bool:
    """Whether anything given holds NUL, which PostgreSQL takes in no text."""
    texts = [
        text for source in (request.GET, request.POST) for _name, list_ in source.lists() for text in list_
    ]
    return any("\0" in text for text in [*texts, client_named(request)])
