"""Whether a model is the one that was registered: an HMAC over its number and its whole manifest.

Checksums show that files belong to a manifest, and the registry's hash which files those are. What neither shows is a
manifest and a row of the registry that were forged together; for that one needs the key, which is in neither.
"""

import hmac
import json

from django.conf import settings

from ml.serving import CorruptArtefact, Manifest


def sign(*, number: int, manifest: Manifest) -> str:
    """HMAC-SHA256, hexadecimal."""
    signed = json.dumps([number, manifest.artefact_hash, manifest.raw], sort_keys=True).encode()
    return hmac.digest(settings.MODEL_KEY.encode(), signed, "sha256").hex()


def check_signature(*, number: int, manifest: Manifest, signature: str) -> None:
    """Raises CorruptArtefact unless `signature` is the one that `sign` makes."""
    if not signature:
        raise CorruptArtefact(f"model {number} was never signed: `manage.py sign_models` signs it")
    if not hmac.compare_digest(sign(number=number, manifest=manifest), signature):
        raise CorruptArtefact(
            f"model {number}: its signature is not that of its manifest, or it was made with another MODEL_KEY"
        )
