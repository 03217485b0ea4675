"""Who wraps data keys: a keyring in a file or the environment, or whatever else `KEY_PROVIDER` names."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from apps.core.encryption.cipher import KEY_BYTES, open_sealed, seal
from apps.core.problems import Unavailable

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")


class KeyMissing(Unavailable):
    """The master key that wrapped a data key is not to be had, so nothing can be read that stands under it."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as it is stored: its ciphertext, and which master key made it."""

    key_id: str
    box: bytes


class KeyProvider(Protocol):
    """What wraps data keys. `context` is bound to the wrapped key: who unwraps it must say the same.

    The three are what a cloud's key management calls encrypt and decrypt with an encryption context, and the id of its
    newest key; an adapter must give its calls time limits and raise KeyMissing when one fails.
    """

    def current(self) -> str:
        """Id of the master key that wraps from now on."""

    def wrap(self, data_key: bytes, context: str) -> Wrapped:
        """Wrap by the current master key."""

    def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        """The data key. Raises KeyMissing, or Undecipherable for another context."""


def key_provider() -> KeyProvider:
    """The provider that the settings name."""
    return _provider(settings.KEY_PROVIDER)


@lru_cache(maxsize=1)
def _provider(path: str) -> KeyProvider:
    return import_string(path)()


class Keyring:
    """Master keys from `MASTER_KEYS_FILE`, read again whenever it changes, or else from `MASTER_KEYS`."""

    def __init__(self) -> None:
        self._seen: object = None
        self._keys: Mapping[str, bytes] = {}

    def current(self) -> str:
        return next(iter(self._load()))

    def wrap(self, data_key: bytes, context: str) -> Wrapped:
        keys = self._load()
        key_id = next(iter(keys))
        return Wrapped(key_id, seal(keys[key_id], data_key, f"{context}:{key_id}"))

    def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        key = self._load().get(wrapped.key_id)
        if key is None:
            raise KeyMissing(
                _("The master key %(id)s is not in the keyring, so nothing was shown.")
                % {"id": wrapped.key_id}
            )
        return open_sealed(key, wrapped.box, f"{context}:{wrapped.key_id}")

    def _load(self) -> Mapping[str, bytes]:
        """The keys by id, the current one first. A look at the file costs some microseconds, so none is kept long."""
        path = settings.MASTER_KEYS_FILE
        try:
            status = os.stat(path) if path else None
            seen = (
                (path, status.st_mtime_ns, status.st_size, status.st_ino) if status else settings.MASTER_KEYS
            )
            if seen != self._seen:
                text = Path(path).read_text(encoding="utf-8") if path else settings.MASTER_KEYS
                # In this order: another thread may look at both meanwhile, and must not find the old keys as seen.
                self._keys = parse_keys(text)
                self._seen = seen
        except (OSError, ValueError):
            raise KeyMissing(_("The keyring cannot be read, so nothing was shown.")) from None
        return self._keys


def parse_keys(text: str) -> dict[str, bytes]:
    """Keys by id from `id:base64` items between white space or commas, the current one first.

    Raises ValueError, which repeats ids and no key.
    """
    keys: dict[str, bytes] = {}
    for number, item in enumerate(text.replace(",", " ").split(), start=1):
        key_id, _colon, encoded = item.partition(":")
        if not _KEY_ID.fullmatch(key_id):
            raise ValueError(f"item {number} does not begin with an id and a colon")
        if key_id in keys:
            raise ValueError(f"the id {key_id} is there twice")
        try:
            keys[key_id] = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"the key {key_id} is not base64") from None
        if len(keys[key_id]) != KEY_BYTES:
            raise ValueError(f"the key {key_id} has not {KEY_BYTES} bytes")
    if not keys:
        raise ValueError("there is no key")
    return keys
