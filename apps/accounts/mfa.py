"""What django-allauth's second factors are told of this house: secrets are encrypted, people named as here."""

import base64
import hashlib
import hmac
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes


class SecondFactors(DefaultMFAAdapter):
    """`MFA_ADAPTER`. Secrets are encrypted with keys made from `SECRET_KEY` (and, for reading, its fallbacks)."""

    def encrypt(self, text: str) -> str:
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises cryptography's InvalidToken when it was encrypted with another `SECRET_KEY`."""
        return _keys().decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: Any) -> str:
        return str(user.get_username())

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return super().get_public_key_credential_rp_entity() | {"name": "Hoofbeat"}

    def get_public_key_credential_user_entity(self, user: Any) -> dict[str, Any]:
        name = user.get_username()
        return {"id": user.pk.bytes, "name": name, "display_name": user.get_full_name() or name}


def _keys() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [
        hmac.digest(force_bytes(secret), b"hoofbeat second factors", hashlib.sha256) for secret in secrets
    ]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
