"""What programs hold by OAuth 2.0: clients, authorisation codes, access and refresh tokens (ADR 34).

django-oauth-toolkit's models in our own tables: without what we do not offer (implicit and password grant, OpenID
Connect, dynamic registration, skipping the consent), with an opaque id for the audit trail, and with nothing stored
that would open anything.
"""

import hashlib
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractGrant,
    AbstractRefreshToken,
)

from apps.accounts.models import Organisation
from apps.core.identifiers import uuid7

# RFC 8252, section 7.3: a program on somebody's own machine listens there. Names, such as localhost, may be led astray.
LOOPBACK = ("127.0.0.1", "::1")


def digest(secret: str) -> str:
    """What is stored in place of a secret that is random and long, so that it needs neither salt nor slowness."""
    return hashlib.sha256(secret.encode()).hexdigest()


class CodeField(models.CharField):
    """A code of which PostgreSQL gets the digest alone, when it is written and when it is looked for."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else digest(str(value))


class Client(AbstractApplication):
    """A program of an organisation; a service acts as an account that nobody signs in to, others in a user's name."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, editable=False, related_name="+")
    # Capabilities: the most that any of its tokens may have.
    scopes = ArrayField(models.CharField(max_length=40), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    client_secret = models.CharField(max_length=64, editable=False)  # SHA-256, hexadecimal

    # Fields of the library that are the same for each client here.
    algorithm = ""
    allowed_origins = ""
    cimd_expires_at = None
    hash_client_secret = True
    post_logout_redirect_uris = ""
    registration_source = AbstractApplication.RegistrationSource.MANUAL
    skip_authorization = False

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("OAuth client")
        verbose_name_plural = _("OAuth clients")
        constraints = [
            models.CheckConstraint(
                name="oauth_client_grants",
                condition=models.Q(authorization_grant_type="authorization-code", user__isnull=True)
                | models.Q(
                    authorization_grant_type="client-credentials",
                    client_type="confidential",
                    user__isnull=False,
                ),
            )
        ]

    @property
    def is_service(self) -> bool:
        """Whether it acts for itself, and not in the name of somebody who has agreed."""
        return self.authorization_grant_type == self.GRANT_CLIENT_CREDENTIALS

    def get_allowed_schemes(self) -> list[str]:
        """Schemes to which browsers may be led back: https, or http on the user's own machine."""
        return ["https", "http"] if self.client_type == self.CLIENT_PUBLIC else ["https"]

    def redirect_uri_allowed(self, uri: str) -> bool:
        """Exactly one that was registered; only the port of the user's own machine is free (RFC 8252, section 7.3)."""
        parts = urlsplit(uri)
        if parts.scheme == "http" and parts.hostname in LOOPBACK:
            return super().redirect_uri_allowed(uri)
        return uri in self.redirect_uris.split()


class Grant(AbstractGrant):
    """An authorisation code. It is kept after its use until it expires, so that a second use is noticed."""

    # The family of the tokens that come from it.
    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    code = CodeField(max_length=255, unique=True)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("authorisation code")
        verbose_name_plural = _("authorisation codes")


class AccessToken(AbstractAccessToken):
    """Opens the REST API for some minutes. Only its SHA-256 digest is stored; `token` stays empty."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    id_token = None  # OpenID Connect is not spoken

    class Meta:
        verbose_name = _("OAuth access token")
        verbose_name_plural = _("OAuth access tokens")

    @property
    def caller(self) -> str:
        """Under which its calls are counted: a new token is no new allowance."""
        return f"{self.application_id}-{self.user_id}"


class RefreshToken(AbstractRefreshToken):
    """Gets new tokens, once. Only its SHA-256 digest is stored; `token` stays empty."""

    token_family: UUID | None

    class Meta(AbstractRefreshToken.Meta):
        abstract = False
        verbose_name = _("OAuth refresh token")
        verbose_name_plural = _("OAuth refresh tokens")
