"""What oauthlib asks while it answers a client, where django-oauth-toolkit's answers are not ours (ADR 34)."""

from typing import Any

from django.utils import timezone
from django.utils.crypto import constant_time_compare
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749 import errors

from apps.oauth.models import AccessToken, Grant, RefreshToken, digest


class Validator(OAuth2Validator):
    """Digests in place of secrets, codes that leave a trace of their use, and tokens with an account."""

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        return constant_time_compare(digest(provided_secret), stored_secret)

    def validate_scopes(
        self, client_id: str, scopes: Any, client: Any, request: Any, *args: Any, **kw: Any
    ) -> bool:
        return bool(scopes) and super().validate_scopes(client_id, scopes, client, request, *args, **kw)

    def validate_code(
        self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kw: Any
    ) -> bool:
        unused = Grant.objects.filter(code=code, application=client, used_at=None).exists()
        return unused and super().validate_code(client_id, code, client, request, *args, **kw)

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Any, *args: Any, **kw: Any
    ) -> None:
        """Of two that come at once, the second waits for the first one's row and then finds the code used."""
        codes = Grant.objects.filter(code=code, application=request.client, used_at=None)
        if not codes.update(used_at=timezone.now()):
            raise errors.InvalidGrantError(request=request)

    def _create_access_token(
        self, expires: Any, request: Any, token: Any, source_refresh_token: Any = None
    ) -> Any:
        row = AccessToken(
            # A service acts as the account that it was registered with.
            user=request.user or request.client.user,
            scope=token["scope"],
            expires=expires,
            application=request.client,
            source_refresh_token=source_refresh_token,
            resource=request.resource,
        )
        self._set_token_value(row, token["access_token"])
        row.save()
        return row

    def _create_refresh_token(
        self, request: Any, refresh_token_code: str, access_token: Any, previous: Any
    ) -> Any:
        if previous:
            family = previous.token_family
        else:
            family = Grant.objects.get(code=request.code, application=request.client).public_id
        row = RefreshToken(
            user=request.user,
            application=request.client,
            access_token=access_token,
            token_family=family,
            resource=request.resource,
        )
        self._set_token_value(row, refresh_token_code)
        row.save()
        return row
