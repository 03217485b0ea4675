"""Finding a row by a text that is stored as ciphertext alone."""

import hmac
import unicodedata
from functools import lru_cache
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def blind_index(column: str, organisation_id: UUID, text: str) -> bytes:
    """HMAC-SHA256 of `text` in one organisation's `column`; equal for what reads alike, and for nothing else.

    Reads alike: equal after NFKC, case folding and with every stretch of white space as one space. The key is derived
    by HKDF (RFC 5869) from the index key, one for each column, so that indices of two columns cannot be matched.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    message = organisation_id.bytes + " ".join(folded.split()).encode()
    return hmac.digest(_key_of(column, settings.INDEX_KEY), message, "sha256")


@lru_cache(maxsize=16)
def _key_of(column: str, index_key: str) -> bytes:
    info = f"hoofbeat blind index {column}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(index_key.encode())
