"""Personal text as ciphertext: AES-256-GCM under a key per patient, itself wrapped by a master key (ADR 26).

Only those who hold rows may use it: a model says with `sealed` which of its columns are ciphertext, and what its data
key is. Nothing here logs, and no error holds a key or a text.
"""

from apps.core.encryption.blind import blind_index
from apps.core.encryption.cipher import Undecipherable, new_key, open_sealed, seal
from apps.core.encryption.fields import sealed
from apps.core.encryption.keyring import KeyMissing, KeyProvider, Wrapped, key_provider

__all__ = [
    "KeyMissing",
    "KeyProvider",
    "Undecipherable",
    "Wrapped",
    "blind_index",
    "key_provider",
    "new_key",
    "open_sealed",
    "seal",
    "sealed",
]
