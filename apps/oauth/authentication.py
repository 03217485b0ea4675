"""A program calls the REST API with an access token of OAuth 2.0."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from apps.accounts.middleware import act_as
from apps.core.capabilities import PUBLIC
from apps.oauth.scopes import CapabilityScopes
from apps.oauth.selectors import find_token
from apps.oauth.services import note_client_use


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer ...` (RFC 6750, section 2.1, and no other way); the token is the audit trail's token.

    The library's own class would read the body first, which may hold a token there and is not for it to judge.
    """

    def authenticate_header(self, request: Any) -> str:
        """What a caller without a valid token may send, one of these: REST framework asks the first class."""
        return "Bearer, Token"

    def authenticate(self, request: Any) -> Any:
        scheme, _space, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        address = request.build_absolute_uri(request.path)
        # Whatever is no ASCII is no token of ours, and finds none.
        token = find_token(secret=secret.strip().decode("ascii", "replace"), address=address)
        if token is None:
            raise AuthenticationFailed(_("Invalid token."))
        note_client_use(client=token.application)
        request._request.actor = act_as(request._request, token.user, token)
        request.actor = request._request.actor
        return token.user, token


class BearerScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI schema names it: with the scope that each operation needs."""

    target_class = "apps.oauth.authentication.BearerAuthentication"
    name = "oauth2"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        scopes = CapabilityScopes().get_all_scopes()
        token = {"tokenUrl": "/oauth/token/", "refreshUrl": "/oauth/token/", "scopes": scopes}
        return {
            "type": "oauth2",
            "description": "`Authorization: Bearer <token>`. Clients are registered by administrators; the code flow "
            "wants PKCE with S256. Metadata: `/.well-known/oauth-authorization-server` (RFC 8414).",
            "flows": {
                "authorizationCode": {"authorizationUrl": "/oauth/authorize/", **token},
                "clientCredentials": {"tokenUrl": token["tokenUrl"], "scopes": scopes},
            },
        }

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        declared = auto_schema.view.capability
        if isinstance(declared, dict):
            declared = declared.get(auto_schema.method, PUBLIC)
        return {self.name: [] if declared == PUBLIC else [str(declared)]}
