"""The ceremonies of passkeys (WebAuthn level 2), by allauth and python-fido2; the session remembers the challenge.

Their functions find the request by allauth's middleware.
"""

import ipaddress
import json
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from apps.accounts.factors import wrong_code
from apps.accounts.models import User


def are_possible(request: HttpRequest) -> bool:
    """Passkeys belong to a host name, not to a bare number, and need TLS everywhere but on localhost."""
    host = request.get_host().rpartition(":")[0] or request.get_host()
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return request.is_secure() or host == "localhost"
    return False


def begin_registration(user: User) -> str:
    """What the browser needs to make a passkey, as JSON."""
    return json.dumps(auth.begin_registration(user, passwordless=False), default=dict)


def complete_registration(given: str) -> dict[str, Any]:
    """The credential that the browser made, checked. Raises InvalidInput."""
    credential = _parsed(given)
    try:
        auth.parse_registration_response(credential)
        auth.complete_registration(credential)
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        raise wrong_code() from error
    return credential


def begin_authentication(user: User) -> str:
    """What the browser needs to prove one of the account's passkeys, as JSON."""
    return json.dumps(auth.begin_authentication(user), default=dict)


def complete_authentication(user: User, given: str) -> Authenticator:
    """The passkey that was proven. Raises InvalidInput."""
    credential = _parsed(given)
    try:
        auth.parse_authentication_response(credential)
        authenticator: Authenticator = auth.complete_authentication(user, credential)
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        raise wrong_code() from error
    authenticator.record_usage()
    return authenticator


def _parsed(given: str) -> dict[str, Any]:
    try:
        credential = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise wrong_code() from error
    if not isinstance(credential, dict):
        raise wrong_code()
    return credential
