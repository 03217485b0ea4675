"""Scopes are capabilities, those that programs have a use for."""

from typing import Any

from oauth2_provider.scopes import BaseScopes

from apps.accounts.selectors import PROGRAM_SCOPES


class CapabilityScopes(BaseScopes):
    """What a client may ask for; asking for nothing gets nothing."""

    def get_all_scopes(self) -> dict[str, str]:
        return {scope.value: str(scope.label) for scope in PROGRAM_SCOPES}

    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kw: Any
    ) -> list[str]:
        every = self.get_all_scopes()
        return list(every) if application is None else [s for s in application.scopes if s in every]

    def get_default_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kw: Any
    ) -> list[str]:
        return []
