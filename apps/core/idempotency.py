"""Doing a request once, however often it is sent (draft-ietf-httpapi-idempotency-key-header-07; ADR 24).

The row of a key is written in the transaction of the work. Whoever sends the key meanwhile waits for that row, as for
any unique value, and finds the answer when it is committed, or no row when the work failed.
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from psycopg.errors import LockNotAvailable

from apps.core.encryption import open_sealed, seal
from apps.core.identifiers import uuid7
from apps.core.models import AnsweredRequest
from apps.core.problems import Conflict, FieldError, InvalidInput

HEADER = "Idempotency-Key"
LONGEST_KEY = 128
# The draft wants a string of RFC 9651, which stands in quotes; many clients send it bare, and both mean the same.
_KEY = re.compile(r'"([ !#-\[\]-~]{1,128})"|([!#-\[\]-~]{1,128})')
_PATIENCE = "5s"
_SALT = "hoofbeat.idempotency."

# An expired row that the sweep has not met yet is taken over; WHERE waits for whoever holds the row.
_CLAIM = """
INSERT INTO core_answeredrequest
    (id, created_at, organisation_id, account_id, key_digest, request_digest, request_id, answer)
VALUES (%(id)s, %(now)s, %(organisation)s, %(account)s, %(key)s, %(request)s, %(request_id)s, '')
ON CONFLICT (organisation_id, account_id, key_digest) DO UPDATE
    SET created_at = excluded.created_at, request_digest = excluded.request_digest,
        request_id = excluded.request_id, answer = excluded.answer
    WHERE core_answeredrequest.created_at < %(oldest)s
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: `body` is byte for byte what the caller got."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_key(header: str) -> str | None:
    """The key that a header's value gives, or None when the value is no key."""
    found = _KEY.fullmatch(header)
    return (found.group(1) or found.group(2)) if found else None


def answer_once(
    *,
    organisation_id: UUID,
    account_id: UUID,
    key: str,
    request: bytes,
    request_id: str,
    work: Callable[[], Answer],
) -> Answer:
    """What `work` answers, or what it answered to the same key and the same `request` (all that tells it from another).

    When `work` raises, everything rolls back and the key is free again. Raises InvalidInput when the key stood for
    another request, Conflict when an earlier one with the key takes longer than one should wait.
    """
    of_caller = f"{organisation_id} {account_id} {key}".encode()
    request_digest = _digest("request", request).hex()
    owner = {"organisation_id": organisation_id, "account_id": account_id}
    key_digest = _digest("key", of_caller).hex()
    answer_key = _digest("answer", of_caller + b"\0" + request)
    with transaction.atomic():
        row_id = _claim(organisation_id, account_id, key_digest, request_digest, request_id)
        if row_id is not None:
            answer = work()
            AnsweredRequest.objects.filter(pk=row_id).update(answer=_seal(answer_key, answer, key_digest))
            return answer
        earlier = AnsweredRequest.objects.filter(**owner, key_digest=key_digest).first()
    if earlier is None:
        raise _busy()
    if earlier.request_digest != request_digest:
        detail = _("This key stood for another request; take a new key for each request.")
        raise InvalidInput([FieldError(HEADER, "key_reused", detail)])
    return _unseal(answer_key, bytes(earlier.answer), key_digest)


def forget_expired_answers() -> int:
    """Delete the answers whose time is over: how many."""
    return AnsweredRequest.objects.filter(created_at__lt=_oldest()).delete()[0]


def _oldest() -> datetime:
    return timezone.now() - timedelta(hours=settings.IDEMPOTENCY_HOURS)


def _claim(
    organisation_id: UUID, account_id: UUID, key_digest: str, request_digest: str, request_id: str
) -> UUID | None:
    """The id of the row that now stands for the key, or None when there is one already."""
    values: dict[str, Any] = {
        "id": uuid7(),
        "now": timezone.now(),
        "oldest": _oldest(),
        "organisation": organisation_id,
        "account": account_id,
        "key": key_digest,
        "request": request_digest,
        "request_id": request_id,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
        try:
            cursor.execute(_CLAIM, values)
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise _busy() from error
            raise
        row = cursor.fetchone()
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    return row[0] if row else None


def _busy() -> Conflict:
    return Conflict(_("An earlier request with this key is still being worked on; repeat it in a moment."))


def _digest(purpose: str, value: bytes) -> bytes:
    return salted_hmac(_SALT + purpose, value, algorithm="sha256").digest()


def _seal(answer_key: bytes, answer: Answer, name: str) -> bytes:
    head = json.dumps({"status": answer.status, "headers": dict(answer.headers)}).encode()
    return seal(answer_key, zlib.compress(head + b"\n" + answer.body), name)


def _unseal(answer_key: bytes, box: bytes, name: str) -> Answer:
    head, _newline, body = zlib.decompress(open_sealed(answer_key, box, name)).partition(b"\n")
    return Answer(**json.loads(head), body=body)
