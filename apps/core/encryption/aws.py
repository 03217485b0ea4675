"""AWS KMS wraps the data keys, by master keys that never leave it (ADR 42)."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session
from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.encryption.cipher import Undecipherable
from apps.core.encryption.keyring import KeyMissing, Keyring, Wrapped

T = TypeVar("T")

# In seconds: at most 7 for a call that nobody answers. A clinician is waiting.
_PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
# Seconds and number of data keys for which KMS is not asked again: a list would ask once a patient.
KEPT_SECONDS = 60
KEPT_KEYS = 1000
# Ids that KMS gives to its keys, those of several regions included. The last part of a key's ARN; 36 characters.
_KEY_ID = re.compile(r"mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Codes of Decrypt's errors that speak of the ciphertext or its context, not of the service.
_NOT_ITS_OWN = {"InvalidCiphertextException", "IncorrectKeyException"}


class AwsKms:
    """The key that `KMS_KEY` names wraps; whatever key of its account and region is still there unwraps.

    Region, credentials and certificates are found as botocore finds them. What the keyring wrapped before is unwrapped
    by the keyring, so that `rotate_keys` can move patients from one to the other.
    """

    def __init__(self) -> None:
        self._keyring = Keyring()
        self._kept = _Kept()
        # One for all threads; a client may be shared, the session that it comes from may not.
        self._client: Any = _ask(lambda: get_session().create_client("kms", config=_PATIENCE))

    def current(self) -> str:
        return _ask(lambda: str(self._client.describe_key(KeyId=settings.KMS_KEY)["KeyMetadata"]["KeyId"]))

    def wrap(self, data_key: bytes, context: str) -> Wrapped:
        # Not kept: a new patient's key is unwrapped by KMS before anything is sealed under it, so that a role which
        # may encrypt and not decrypt stores nothing.
        def question() -> Wrapped:
            answer = self._client.encrypt(
                KeyId=settings.KMS_KEY, Plaintext=data_key, EncryptionContext=_bound_to(context)
            )
            return Wrapped(answer["KeyId"].rpartition("/")[2], answer["CiphertextBlob"])

        return _ask(question)

    def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        if not _KEY_ID.fullmatch(wrapped.key_id):
            return self._keyring.unwrap(wrapped, context)
        if kept := self._kept.find(wrapped, context):
            return kept

        def question() -> bytes:
            answer = self._client.decrypt(
                KeyId=_full_name(wrapped.key_id),
                CiphertextBlob=wrapped.box,
                EncryptionContext=_bound_to(context),
            )
            return bytes(answer["Plaintext"])

        data_key = _ask(question, context)
        self._kept.keep(wrapped, context, data_key)
        return data_key


class _Kept:
    """Data keys by all that KMS was asked with: whoever has no longer the wrapped key finds nothing here, either."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[Wrapped, str], tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, wrapped: Wrapped, context: str) -> bytes | None:
        with self._lock:
            self._forget()
            _ends, data_key = self._keys.get((wrapped, context), (0.0, None))
            return data_key

    def keep(self, wrapped: Wrapped, context: str, data_key: bytes) -> None:
        with self._lock:
            self._keys[wrapped, context] = time.monotonic() + KEPT_SECONDS, data_key
            self._keys.move_to_end((wrapped, context))
            self._forget()

    def _forget(self) -> None:
        """In the order in which they came, which is that in which they end; use prolongs nothing."""
        while self._keys:
            ends, _data_key = next(iter(self._keys.values()))
            if ends > time.monotonic() and len(self._keys) <= KEPT_KEYS:
                return
            self._keys.popitem(last=False)


def _ask(question: Callable[[], T], place: str = "") -> T:
    """What KMS answers. Whatever it, or the way to it, fails with is said in our words: its frames hold data keys."""
    try:
        return question()
    except ClientError as error:
        code = error.response["Error"]["Code"]
    except Exception as error:  # also what a proxy answers in the place of KMS
        code = type(error).__name__
    # Only here, where no error is handled that would come along as the context of this one.
    if code in _NOT_ITS_OWN:
        raise Undecipherable(
            _("What is stored at %(place)s does not belong there or was changed; nothing of it was shown.")
            % {"place": place}
        )
    raise KeyMissing(
        _("The key service did not give what was asked of it (%(code)s), so nothing was shown.")
        % {"code": code}
    )


def _bound_to(context: str) -> dict[str, str]:
    return {"hoofbeat": context}


def _full_name(key_id: str) -> str:
    """The key in the account and region of `KMS_KEY`, which need not be those of the caller."""
    account, colon, _name = settings.KMS_KEY.rpartition(":")
    return f"{account}{colon}key/{key_id}" if colon else key_id
