"""Second factors of an account: an authenticator app, passkeys, recovery codes. Rows and algorithms are allauth's."""

import base64
import logging
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.webauthn.internal.auth import WebAuthn
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.problems import Conflict, Denied, FieldError, InvalidInput

logger = logging.getLogger(__name__)

Type = Authenticator.Type
# Whoever can do these never goes without a second factor, whatever his role is called.
_GRAVE = frozenset(
    {
        Capability.ADMIN_ACCESS.value,
        Capability.EMERGENCY_REVIEW.value,
        Capability.MODEL_APPROVE.value,
        Capability.PRIVACY_READ.value,
        Capability.PRIVACY_PURGE.value,
    }
)
_LAST_STEP = "last_step"


def needs_second_factor(actor: Actor) -> bool:
    """Whether what the actor may do, or a role of his, asks for a second factor (`SECOND_FACTOR_ROLES`)."""
    return not _GRAVE.isdisjoint(actor.capabilities) or not set(settings.SECOND_FACTOR_ROLES).isdisjoint(
        actor.roles
    )


def list_factors(*, user: User) -> QuerySet[Authenticator]:
    """The account's factors but for recovery codes, which only stand in for one, oldest first."""
    return Authenticator.objects.filter(user=user).exclude(type=Type.RECOVERY_CODES).order_by("pk")


def has_second_factor(*, user: User) -> bool:
    return list_factors(user=user).exists()


def count_recovery_codes(*, user: User) -> int:
    """How many are left."""
    row = Authenticator.objects.filter(user=user, type=Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(row).get_unused_codes()) if row else 0


def get_factor(*, actor: Actor, factor_id: int) -> Authenticator:
    """One of the actor's own factors; raises Denied when there is none."""
    factor = list_factors(user=actor.account()).filter(pk=factor_id).first()
    if factor is None:
        raise Denied("account.factor")
    return factor


def new_secret() -> str:
    """A secret for an authenticator app: 160 random bits (RFC 4226, section 4), base32."""
    return str(totp.generate_totp_secret())


def secret_address(*, user: User, secret: str) -> str:
    """The `otpauth:` address of a secret, which apps read from a QR code."""
    return str(get_adapter().build_totp_url(user, secret))


def qr_image(address: str) -> str:
    """`address` as a QR code: a `data:` address of an SVG image."""
    image = get_adapter().build_totp_svg(address)
    return "data:image/svg+xml;base64," + base64.b64encode(image.encode()).decode()


@transaction.atomic
def add_app(*, actor: Actor, secret: str, code: str) -> list[str]:
    """Make an authenticator app, which proves itself by `code`, a factor. Returns new recovery codes, or none.

    Raises InvalidInput for a wrong code, Conflict when there is an app already.
    """
    actor.require(Capability.ACCOUNT_SELF)
    user = _locked(actor)
    if list_factors(user=user).filter(type=Type.TOTP).exists():
        raise Conflict(_("There is an authenticator app already. Remove it first."))
    step = _step_of(secret, code, 0)
    if step is None:
        raise wrong_code()
    row = totp.TOTP.activate(user, secret).instance
    row.data[_LAST_STEP] = step
    row.save(update_fields=["data"])
    return _added(actor, user, row)


@transaction.atomic
def add_passkey(*, actor: Actor, name: str, credential: dict[str, Any]) -> list[str]:
    """Make a passkey, whose ceremony has been checked, a factor. Returns new recovery codes, or none."""
    actor.require(Capability.ACCOUNT_SELF)
    user = _locked(actor)
    return _added(actor, user, WebAuthn.add(user, name, credential).instance)


@transaction.atomic
def remove_factor(*, actor: Actor, factor_id: int) -> None:
    """Remove a factor; recovery codes go with the last one. Raises Conflict for the only one of a role in need."""
    actor.require(Capability.ACCOUNT_SELF)
    user = _locked(actor)
    factor = get_factor(actor=actor, factor_id=factor_id)
    is_last = list_factors(user=user).count() == 1
    if is_last and needs_second_factor(actor):
        raise Conflict(_("Your role needs a second factor, and this is the only one. Add another one first."))
    details = {"type": factor.type}
    factor.delete()
    if is_last:
        Authenticator.objects.filter(user=user).delete()
    record_event(
        actor=actor, action="account.factor_remove", object_type="user", object_ids=[user.pk], details=details
    )


@transaction.atomic
def renew_recovery_codes(*, actor: Actor) -> list[str]:
    """New recovery codes; the old ones open nothing any more. Raises Conflict without a factor to stand in for."""
    actor.require(Capability.ACCOUNT_SELF)
    user = _locked(actor)
    if not has_second_factor(user=user):
        raise Conflict(_("Recovery codes stand in for a second factor; add one first."))
    codes = _new_codes(user)
    record_event(actor=actor, action="account.recovery_codes", object_type="user", object_ids=[user.pk])
    return codes


@transaction.atomic
def reset_factors(*, actor: Actor, users: list[User]) -> None:
    """Remove every factor of accounts whose owners lost theirs; whoever needs one is asked for a new one."""
    actor.require(Capability.ADMIN_ACCESS)
    Authenticator.objects.filter(user__in=users).delete()
    user_ids = [user.pk for user in users]
    record_event(actor=actor, action="account.factor_reset", object_type="user", object_ids=user_ids)


@transaction.atomic
def use_code(*, user: User, code: str) -> str:
    """The type of the factor that `code` proves, or nothing.

    Each code opens once (RFC 6238, section 5.2): a step of time that was used, and all before it, are refused.
    """
    for row in Authenticator.objects.select_for_update().filter(user=user).exclude(type=Type.WEBAUTHN):
        try:
            proven = _use_app(row, code) if row.type == Type.TOTP else RecoveryCodes(row).validate_code(code)
        except InvalidToken:
            logger.error("a second factor was encrypted with another SECRET_KEY; see SECRET_KEY_FALLBACKS")
            continue
        if proven:
            row.refresh_from_db()
            row.record_usage()
            return str(row.type)
    return ""


def wrong_code() -> InvalidInput:
    """What to raise for a code or a passkey that proves nothing."""
    detail = _("This does not match. Each code works once and for a short time.")
    return InvalidInput([FieldError("code", "wrong", detail)])


def _use_app(row: Authenticator, code: str) -> bool:
    secret = get_adapter().decrypt(row.data["secret"])
    step = _step_of(secret, code, row.data.get(_LAST_STEP, 0) + 1)
    if step is None:
        return False
    row.data[_LAST_STEP] = step
    row.save(update_fields=["data"])
    return True


def _step_of(secret: str, code: str, first: int) -> int | None:
    """The step of time, `first` or later, whose code this is; clocks may differ by one step of 30 seconds."""
    for step in totp.yield_hotp_counters_from_time():
        if step >= first and constant_time_compare(
            code, totp.format_hotp_value(totp.hotp_value(secret, step))
        ):
            return int(step)
    return None


def _locked(actor: Actor) -> User:
    """The actor's account; whatever else changes its factors waits."""
    return User.objects.select_for_update().get(pk=actor.account().pk)


def _added(actor: Actor, user: User, row: Authenticator) -> list[str]:
    has_codes = Authenticator.objects.filter(user=user, type=Type.RECOVERY_CODES).exists()
    record_event(
        actor=actor,
        action="account.factor_add",
        object_type="user",
        object_ids=[user.pk],
        details={"type": row.type},
    )
    return [] if has_codes else _new_codes(user)


def _new_codes(user: User) -> list[str]:
    Authenticator.objects.filter(user=user, type=Type.RECOVERY_CODES).delete()
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes
