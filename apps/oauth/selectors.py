"""Which clients there are, and who may see them."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.selectors import grantable_scopes
from apps.core.capabilities import Capability
from apps.core.problems import Denied
from apps.oauth.models import AccessToken, Client, RefreshToken, digest


def list_clients(*, actor: Actor) -> QuerySet[Client]:
    """The clients of the actor's organisation, by name; for administrators."""
    actor.require(Capability.ADMIN_ACCESS)
    return Client.objects.filter(organisation_id=actor.scope).select_related("user")


def get_client(*, actor: Actor, client_id: UUID) -> Client:
    """One of them; raises Denied when there is none."""
    client = list_clients(actor=actor).filter(public_id=client_id).first()
    if client is None:
        raise Denied("client.read", "client", (client_id,))
    return client


def client_that_asks(*, actor: Actor, named: str) -> Client:
    """The client that wants to act for the actor, by the id that it gives itself; raises Denied for a foreign one."""
    client = Client.objects.filter(client_id=named).first()
    if client is None or client.organisation_id != actor.organisation_id:
        raise Denied("oauth.consent", "client", (client.public_id,) if client else ())
    return client


def agreed_scopes(*, actor: Actor, wanted: Iterable[str]) -> list[Capability]:
    """Of what a client wants, what the actor may let it do: no more than he may himself."""
    return [scope for scope in grantable_scopes(actor=actor) if scope in set(wanted)]


def list_programs(*, actor: Actor) -> QuerySet[Client]:
    """The clients that hold tokens in the actor's name."""
    live = RefreshToken.objects.filter(user_id=actor.person, revoked=None)
    return Client.objects.filter(
        pk__in=live.values("application"), authorization_grant_type=Client.GRANT_AUTHORIZATION_CODE
    )


def get_program(*, actor: Actor, client_id: UUID) -> Client:
    """One of them; raises Denied when there is none."""
    client = list_programs(actor=actor).filter(public_id=client_id).first()
    if client is None:
        raise Denied("oauth.withdraw", "client", (client_id,))
    return client


def service_accounts(*, actor: Actor) -> QuerySet[User]:
    """Accounts of the actor's organisation as which a service may act: active, and nobody can sign in to them."""
    return (
        User.objects.filter(
            organisation_id=actor.scope,
            is_active=True,
            is_superuser=False,
            password__startswith=UNUSABLE_PASSWORD_PREFIX,
        )
        .exclude(pk=actor.person)
        .order_by("username")
    )


def find_token(*, secret: str, address: str) -> AccessToken | None:
    """The access token that opens `address` (a URL) now, or None.

    Its account must be active and still in the client's organisation. That of a service must not have become
    somebody's.
    """
    token = (
        AccessToken.objects.filter(token_checksum=digest(secret))
        .select_related("application", "user")
        .first()
    )
    if token is None or token.is_expired() or not token.allows_audience(address):
        return None
    client, user = token.application, token.user
    if not user.is_active or user.organisation_id != client.organisation_id:
        return None
    return None if client.is_service and user.has_usable_password() else token
