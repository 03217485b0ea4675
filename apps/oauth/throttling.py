"""How often a client may ask for tokens, or guess secrets."""

from typing import Any

from apps.accounts.throttling import CallerThrottle
from apps.oauth.models import digest
from apps.oauth.presented import client_named


class ClientThrottle(CallerThrottle):
    """A rate per client and address, so that nobody uses up what belongs to a client elsewhere."""

    scope = "client"

    def get_cache_key(self, request: Any, view: Any) -> str:
        ident = digest(f"{self.get_ident(request)} {client_named(request)}")
        return self.cache_format % {"scope": self.scope, "ident": ident}
