"""AES-256-GCM (NIST SP 800-38D) with a random nonce and a place that the ciphertext is bound to."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils.translation import gettext as _

from apps.core.problems import Unavailable

# The first byte of every ciphertext, so that another cipher can follow without guessing.
_VERSION = b"\x01"
_NONCE = 12
KEY_BYTES = 32


class Undecipherable(Unavailable):
    """The ciphertext was changed, was moved from another row or column, or its key was destroyed or is another one."""


def new_key() -> bytes:
    """A random key of 256 bits."""
    return AESGCM.generate_key(KEY_BYTES * 8)


def seal(key: bytes, content: bytes, place: str) -> bytes:
    """Version byte, nonce, ciphertext with tag. `place` ("app.model.field:pk") is authenticated and not stored."""
    nonce = os.urandom(_NONCE)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, content, place.encode())


def open_sealed(key: bytes, box: bytes, place: str) -> bytes:
    """What `seal` was given. Raises Undecipherable, which names the place and nothing that stands there."""
    version, nonce, ciphertext = box[:1], box[1 : 1 + _NONCE], box[1 + _NONCE :]
    try:
        if version != _VERSION:
            raise InvalidTag
        return AESGCM(key).decrypt(nonce, ciphertext, place.encode())
    except (InvalidTag, ValueError):
        # Without the cause: it says nothing more, and its frames hold the key.
        raise Undecipherable(
            _("What is stored at %(place)s does not belong there or was changed; nothing of it was shown.")
            % {"place": place}
        ) from None
