"""Registering clients, and what is written down when they get tokens, lose them or are refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauth2_provider.generators import generate_client_secret

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.selectors import PROGRAM_SCOPES, get_actor
from apps.audit.models import Outcome
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.identifiers import NOWHERE
from apps.core.problems import Denied
from apps.oauth.models import AccessToken, Client, Grant, RefreshToken, digest
from apps.oauth.selectors import get_client, get_program, service_accounts

TOKEN = "oauth.token"  # noqa: S105 - an action of the trail


class Kind(models.TextChoices):
    """What a program is, from which its flow follows."""

    SERVICE = "service", _("A service that acts for itself, such as a laboratory system")
    WEB = "web", _("A web application that acts for whoever uses it")
    NATIVE = "native", _("A program on people’s own machines, which can keep no secret")


@dataclass(frozen=True, slots=True)
class NewClient:
    """What an administrator says of a new client; the form has looked at `redirect_uris`."""

    name: str
    kind: str
    scopes: Iterable[str]
    redirect_uris: Iterable[str] = ()
    account: User | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that is refused, as the trail knows it: nobody's act, in its organisation."""

    client: Client | None
    address: str | None
    request_id: str
    user_id: UUID | None = None
    roles: tuple[str, ...] = ()
    token_id: UUID | None = None

    @property
    def organisation_id(self) -> UUID | None:
        return self.client.organisation_id if self.client else None

    @property
    def scope(self) -> UUID:
        return self.organisation_id or NOWHERE


@transaction.atomic
def register_client(*, actor: Actor, new: NewClient) -> tuple[Client, str]:
    """A new client of the actor's organisation: (its row, the secret that is shown once; "" for one that keeps none).

    Raises Denied for a scope that no program has, and for an account that is not for services.
    """
    actor.require(Capability.ADMIN_ACCESS)
    scopes, is_service = sorted(set(new.scopes)), new.kind == Kind.SERVICE
    if not scopes or not set(scopes) <= set(PROGRAM_SCOPES) or is_service != (new.account is not None):
        raise Denied("client.register")
    if new.account and new.account not in service_accounts(actor=actor):
        raise Denied("client.register", "user", (new.account.pk,))
    secret = generate_client_secret()
    client = Client(
        name=new.name,
        organisation_id=actor.scope,
        user=new.account,
        client_type=Client.CLIENT_PUBLIC if new.kind == Kind.NATIVE else Client.CLIENT_CONFIDENTIAL,
        authorization_grant_type=(
            Client.GRANT_CLIENT_CREDENTIALS if is_service else Client.GRANT_AUTHORIZATION_CODE
        ),
        redirect_uris="" if is_service else " ".join(new.redirect_uris),
        scopes=scopes,
        client_secret=digest(secret),
    )
    client.save(force_insert=True)
    record_event(
        actor=actor,
        action="client.register",
        object_type="client",
        object_ids=[client.public_id],
        details={"kind": str(new.kind), "scopes": scopes},
    )
    return client, "" if new.kind == Kind.NATIVE else secret


@transaction.atomic
def revoke_client(*, actor: Actor, client_id: UUID) -> None:
    """Delete a client of the actor's organisation with all its codes and tokens, which open nothing from now on."""
    get_client(actor=actor, client_id=client_id).delete()
    record_event(actor=actor, action="client.revoke", object_type="client", object_ids=[client_id])


@transaction.atomic
def withdraw_program(*, actor: Actor, client_id: UUID) -> None:
    """Take all codes and tokens back that a client holds in the actor's name."""
    client = get_program(actor=actor, client_id=client_id)
    held = Q(application=client, user_id=actor.person)
    Grant.objects.filter(held).delete()
    RefreshToken.objects.filter(held).delete()
    AccessToken.objects.filter(held).delete()
    record_event(actor=actor, action="oauth.withdraw", object_type="client", object_ids=[client_id])


def record_consent(*, actor: Actor, client: Client, scopes: Iterable[str], why: str = "") -> None:
    """Write down that the actor let a client act for him, or why not: the code of an error."""
    outcome = Outcome.OK
    if why:
        outcome = Outcome.DENIED if why == "access_denied" else Outcome.FAILED
    record_event(
        actor=actor,
        action="oauth.consent",
        outcome=outcome,
        object_type="client",
        object_ids=[client.public_id],
        details={"why": why} if why else {"scopes": sorted(scopes)},
    )


def record_issue(*, caller: Actor, secret: str, grant: str) -> None:
    """Write down that a client got the access token `secret`; the event is its account's."""
    token = AccessToken.objects.select_related("application", "user").get(token_checksum=digest(secret))
    record_event(
        actor=get_actor(user=token.user, token=token, address=caller.address, request_id=caller.request_id),
        action=TOKEN,
        object_type="client",
        object_ids=[token.application.public_id],
        details={"grant": grant, "scopes": sorted(token.scopes)},
    )


@transaction.atomic
def refuse_token(*, caller: Actor, named: str, grant: str, why: str, code: str, refresh_token: str) -> None:
    """Write down that a client was refused, with the code of the error.

    A code or refresh token that was used before is in two hands: all tokens that come from it end (RFC 9700, sections
    2.1.1 and 4.14.2). A client that has not proven itself ends nothing.
    """
    client = Client.objects.filter(client_id=named).first()
    family = _used_before(client, code, refresh_token) if client and why == "invalid_grant" else None
    if family:
        RefreshToken.revoke_family(family)
    _record_refusal(
        client, caller, TOKEN, {"grant": grant, "why": why} | ({"reused": True} if family else {})
    )


def _used_before(client: Client, code: str, refresh_token: str) -> UUID | None:
    """The family of a code or refresh token of the client that was given a second time."""
    if refresh_token:
        used = RefreshToken.objects.filter(
            application=client, token_checksum=digest(refresh_token), revoked__isnull=False
        )
        return used.values_list("token_family", flat=True).first()
    codes = Grant.objects.filter(application=client, code=code, used_at__isnull=False)
    return codes.values_list("public_id", flat=True).first()


def record_revocation(*, caller: Actor, named: str, why: str = "") -> None:
    """Write down that a client gave a token back, or why that was refused (RFC 7009)."""
    client = Client.objects.filter(client_id=named).first()
    _record_refusal(client, caller, "oauth.revoke", {"why": why} if why else {})


def _record_refusal(client: Client | None, caller: Actor, action: str, details: dict[str, object]) -> None:
    outcome = Outcome.OK
    if details:
        outcome = Outcome.DENIED if "reused" in details else Outcome.FAILED
    record_event(
        actor=Caller(client, caller.address, caller.request_id),
        action=action,
        outcome=outcome,
        object_type="client",
        object_ids=[client.public_id] if client else [],
        details=details,
    )


def note_client_use(*, client: Client) -> None:
    """Remember when a client was last used, to the minute: it must not cost a write each time."""
    now = timezone.now()
    if client.last_used_at is None or now - client.last_used_at >= timedelta(minutes=1):
        Client.objects.filter(pk=client.pk).update(last_used_at=now)


def forget_expired_tokens() -> int:
    """Delete codes and tokens that open nothing any more and whose second use need not be noticed: how many rows."""
    now = timezone.now()
    oldest = now - timedelta(hours=settings.OAUTH_REFRESH_HOURS)
    gone = RefreshToken.objects.filter(
        Q(revoked__lt=oldest) | Q(revoked=None, access_token__expires__lt=oldest)
    ).delete()[0]
    gone += AccessToken.objects.filter(expires__lt=now, refresh_token=None).delete()[0]
    return gone + Grant.objects.filter(expires__lt=oldest).delete()[0]
