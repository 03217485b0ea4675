"""Who calls the REST API."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from apps.accounts.middleware import act_as
from apps.accounts.services import note_token_use


class TokenAuthentication(KnoxTokenAuthentication):
    """`Authorization: Token ...`; sets the actor on Django's own request, so that middleware sees it too."""

    def authenticate(self, request: Any) -> Any:
        try:
            result = super().authenticate(request)
        except UnicodeDecodeError as error:
            raise AuthenticationFailed(_("Invalid token.")) from error
        if result is not None:
            user, token = result
            note_token_use(token=token)
            request._request.actor = act_as(request._request, user, token)
            request.actor = request._request.actor
        return result

    def validate_user(self, auth_token: Any) -> Any:
        """As knox, and the account must still be in the organisation in which it made the token."""
        if auth_token.organisation_id not in {None, auth_token.user.organisation_id}:
            raise AuthenticationFailed(_("Invalid token."))
        return super().validate_user(auth_token)

    def _cleanup_token(self, auth_token: Any) -> bool:
        # Knox deletes expired tokens while reading; here they stay for the account's page, and are merely refused.
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI schema names it."""

    target_class = "apps.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: Token <token>`; tokens are issued on the account page and expire.",
        }
